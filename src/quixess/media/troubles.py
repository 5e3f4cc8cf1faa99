"""Troubles: what can keep a file from coming, and what each is worth: another try, a few, a wait, or none."""

from enum import StrEnum

from quixess.media.catalogue import State, Todo
from quixess.meta import media as remote
from quixess.meta.graph import NotSent, Outcome, Rejected

DEAD_TOKEN = 190
_UNKNOWN_ID = 100
_DOUBTS = 3  # so often may the bytes be not what Meta said
_GIVE_UP_AFTER_S = 5 * 86_400.0  # the ids of inbound media live seven days (Meta's page "Media")
_WAIT_AFTER_S = 7 * 86_400.0


class Kind(StrEnum):
    """What a trouble is worth: another try, a few tries, a wait that is no try, or none."""

    AGAIN = "again"
    DOUBTFUL = "doubtful"
    PARKED = "parked"
    FAILED = "failed"
    GONE = "gone"


class Trouble(Exception):  # noqa: N818 - says what it is
    """Why a file did not come this time, in a sentence for the tenant."""

    def __init__(self, kind: Kind, reason: str, *, pause_s: float = 0.0) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.pause_s = pause_s


def with_graph(outcome: Outcome) -> Trouble:
    """Say what Meta's answer to the question for the address is worth."""
    if isinstance(outcome, NotSent):
        return Trouble(Kind.AGAIN, f"Meta cannot be reached: {outcome}.", pause_s=float(outcome.retry_after_s or 0))
    if not isinstance(outcome, Rejected):
        return Trouble(Kind.AGAIN, f"Meta did not say where the file is: {outcome}.")
    if outcome.error.code == DEAD_TOKEN:
        return Trouble(Kind.PARKED, "WhatsApp no longer accepts the connection's token: reconnect it.")
    if outcome.error.code == _UNKNOWN_ID:
        return Trouble(Kind.GONE, f"Meta does not have the file, or no longer: {outcome}.")
    if outcome.error.status == 403:  # a permission that an operator can grant
        return Trouble(Kind.AGAIN, f"Meta refuses the file: {outcome}.")
    return Trouble(Kind.FAILED, f"Meta refuses the file: {outcome}.")


def with_bytes(error: remote.NotFetched) -> Trouble:
    """Say what a download that broke is worth."""
    if isinstance(error, remote.TooLarge):
        return Trouble(Kind.FAILED, f"The file is too large: {error}.")
    if isinstance(error, remote.Strange):
        return Trouble(Kind.DOUBTFUL, f"The file was not fetched: {error}.")
    return Trouble(Kind.AGAIN, f"The file did not arrive: {error}.")


def end(todo: Todo, trouble: Trouble) -> State | None:
    """Say how a file ends with this trouble; None when it does not."""
    match trouble.kind:
        case Kind.FAILED:
            return State.FAILED
        case Kind.GONE:
            return State.GONE
        case Kind.DOUBTFUL:
            return State.FAILED if todo.doubts + 1 >= _DOUBTS else None
        case Kind.AGAIN:
            return State.FAILED if todo.age_s >= _GIVE_UP_AFTER_S else None
        case Kind.PARKED:
            return State.GONE if todo.age_s >= _WAIT_AFTER_S else None
