"""The command line: `quixess up` for everything on one machine, the parts for many, and what an operator does."""

from typing import Annotated

import typer

from quixess import __version__
from quixess.cli import paint
from quixess.cli.parts import Parts

app = typer.Typer(
    name="quixess",
    cls=Parts,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command line."""
    app()


def _print_version(asked: bool) -> None:
    if asked:
        paint.say(__version__)
        raise typer.Exit


@app.callback()
def quixess(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version, and end.")
    ] = False,
) -> None:
    """Quixess: a scoped HTTP API for WhatsApp Business. Start with `quixess up`."""
