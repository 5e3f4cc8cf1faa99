"""The parts of the command line. Each is imported when it is asked for: a gateway's code takes most of a second."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


@dataclass(frozen=True, slots=True)
class Part:
    """A command, or a group of them, by the module of this folder and the name in it. `says` begins its help."""

    module: str
    name: str
    says: str


PARTS = {
    "up": Part("local", "up", "Run everything on this machine"),
    "doctor": Part("doctor", "doctor", "Look at everything, from the database to each number at Meta"),
    "serve": Part("running", "serve", "Run a gateway: the API and Meta's door"),
    "work": Part("running", "run_worker", "Run a worker: it works off Meta's bodies and delivers events"),
    "simulate": Part("local", "simulate", "Run the simulated Meta alone"),
    "migrate": Part("upkeep", "bring_up_to_date", "Bring the database to this version"),
    "settings": Part("upkeep", "list_settings", "List every setting with its value here"),
    "brand": Part("commands", "brands", "Brands: the tenants of this installation"),
    "key": Part("keys", "keys", "API keys: each is one brand, a set of scopes, and what narrows it"),
    "endpoint": Part("endpoints", "endpoint", "Where a brand's events go"),
    "events": Part("events", "events", "Events: what was told to whom"),
    "connection": Part("connections", "connection", "A brand's WhatsApp numbers"),
    "operator": Part("operators", "operator", "Operators, and how their programs come in"),
    "admin": Part("admin", "admin", "People who sign in to the dashboard"),
    "intake": Part("commands", "bodies", "Meta's bodies that could not be worked off"),
    "notices": Part("notices", "told", "What Meta said of templates, accounts and numbers"),
    "template": Part("templates", "templates", "Templates: made, checked, previewed, submitted to Meta"),
    "vault": Part("vault", "keyring", "The keyring, and what is sealed with it"),
}


class Built(Mapping[str, Any]):
    """The commands by name, each built when it is looked up."""

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            self._built[name] = _build(name, PARTS[name])
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(PARTS)

    def __len__(self) -> int:
        return len(PARTS)


class Parts(TyperGroup):
    """The whole command line. Its list, its help and what it says of a typing error import no part."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = Built()

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's own
        """Name all parts."""
        return list(PARTS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - typer's own
        """Write the list of parts into the help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, f"{part.says}.") for name, part in PARTS.items()])


def _build(name: str, part: Part) -> Any:
    found = getattr(import_module(f"quixess.cli.{part.module}"), part.name)
    around = typer.Typer(add_completion=False, rich_markup_mode=None)
    around.callback()(lambda: None)  # with it, one command alone is a group of one
    if isinstance(found, typer.Typer):
        around.add_typer(found, name=name)
    else:
        around.command(name=name)(found)
    group: Any = typer.main.get_command(around)
    return group.commands[name]
