"""Refusing: what it means for the caller that Meta did not take a file. Nobody was sent anything, whatever it was."""

import msgspec

from quixess import connections
from quixess.connections import Connection
from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.meta.graph import GraphError, NotSent, Outcome, Rejected, Unknown

_DEAD_TOKEN = frozenset({0, 190})


async def explain(db: Database, connection: Connection, outcome: Outcome) -> QuixessError:
    """Give the error of an upload's outcome, and flag the connection when Meta no longer takes its token."""
    if isinstance(outcome, Rejected) and outcome.error.code in _DEAD_TOKEN:
        async with db.transaction() as tx:
            token = connection.credentials.token
            await connections.flag_unauthorized(tx, connection.brand_id, connection.id, token)
    return _refused(outcome)


def _refused(outcome: Outcome) -> QuixessError:
    error = outcome.error if isinstance(outcome, (Rejected, NotSent, Unknown)) else None
    extra = {} if error is None else {"whatsapp_error": _body(error)}
    if isinstance(outcome, Rejected):
        why = outcome.error.explanation
        dead = outcome.error.code in _DEAD_TOKEN
        return QuixessError(
            "whatsapp_connection_unauthorized" if dead else "whatsapp_error",
            f"WhatsApp did not take the file. {why.meaning}. {why.fix}",
            extra=extra | {"retryable": why.retryable},
        )
    if isinstance(outcome, NotSent) and error is not None:
        return QuixessError(
            "whatsapp_rate_limited",
            f"WhatsApp did not take the file. {error.explanation.meaning}. {error.explanation.fix}",
            retry_after_s=outcome.retry_after_s or 1,
            extra=extra,
        )
    return QuixessError(
        "upstream_unavailable",
        "WhatsApp did not take the file. Nothing was sent; try again.",
        retry_after_s=2,
        extra=extra,
    )


def _body(error: GraphError) -> object:
    try:
        return msgspec.json.decode(error.body, type=dict[str, object])
    except msgspec.DecodeError:
        return {"error": {"code": error.code}}
