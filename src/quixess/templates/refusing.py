"""Refusing: what an operator is told when Meta did not do what was asked with templates."""

from typing import Any

import msgspec

from quixess.errors import QuixessError
from quixess.meta.outcomes import GraphError, NotSent, Outcome, Rejected, Unknown

_DEAD_TOKEN = frozenset({0, 190})
_AGAIN_S = 30


def explain(outcome: Outcome) -> QuixessError:
    """Give the error of an outcome. Templates hold no secrets, so that Meta's answer is shown as it is."""
    if isinstance(outcome, Rejected):
        dead = outcome.error.code in _DEAD_TOKEN
        return QuixessError(
            "whatsapp_connection_unauthorized" if dead else "whatsapp_error",
            _sentence(outcome.error),
            extra={"retryable": outcome.error.explanation.retryable, "whatsapp_error": _body(outcome.error)},
        )
    if isinstance(outcome, NotSent) and outcome.error is not None:
        return QuixessError(
            "whatsapp_rate_limited",
            f"{_sentence(outcome.error)} Nothing was changed.",
            retry_after_s=outcome.retry_after_s or _AGAIN_S,
            extra={"whatsapp_error": _body(outcome.error)},
        )
    if isinstance(outcome, Unknown):
        text = "WhatsApp did not confirm it. Its list is fetched in a moment: look there before you try again."
        return QuixessError("upstream_unavailable", text, retry_after_s=_AGAIN_S)
    return QuixessError(
        "upstream_unavailable", "WhatsApp cannot be reached. Nothing was changed: try again.", retry_after_s=_AGAIN_S
    )


def _sentence(error: GraphError) -> str:
    return f"{error.explanation.meaning}. {error.explanation.fix}"


def _body(error: GraphError) -> dict[str, Any]:
    try:
        return msgspec.json.decode(error.body, type=dict[str, Any])
    except msgspec.DecodeError:
        return {"error": {"code": error.code}}
