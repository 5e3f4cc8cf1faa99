"""What an operator looks at and brings up to date: the database's shape, and the settings as they are here."""

import asyncio
from dataclasses import fields

from quixess import settings
from quixess.cli import ground, paint
from quixess.database import migrate


def bring_up_to_date() -> None:
    """Bring the database to this version. `up`, `serve` and `work` do it by themselves."""
    found = ground.read_settings()
    with ground.database_url(found) as dsn:
        try:
            applied = asyncio.run(migrate.run(dsn))
        except (migrate.MigrationError, OSError) as error:
            paint.fail(str(error))
    paint.say(f"Applied: {', '.join(applied)}" if applied else "The database is up to date.")


def list_settings() -> None:
    """List every setting with its value here. Secrets are shown as *** when they are set."""
    found = ground.read_settings()
    rows = []
    for item in fields(found):
        value, secret = getattr(found, item.name), item.metadata["secret"]
        shown = ("***" if secret else _show(value)) if value is not None else "-"
        name = settings.variable(item.name) + (" (or _FILE)" if secret else "")
        rows.append((name, shown, item.metadata["expects"], item.metadata["says"]))
    paint.table(("setting", "value", "takes", "what for"), rows)


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, settings.Address):
        return str(value)
    if isinstance(value, tuple):
        return ",".join(f"{one:g}" if isinstance(one, float) else str(one) for one in value) or "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
