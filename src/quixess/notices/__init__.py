"""What Meta says of templates, accounts and numbers beside the messages: kept, applied, told."""

from quixess.notices.addressing import Said
from quixess.notices.applying import apply
from quixess.notices.keeping import list_notices, sweep
from quixess.notices.words import Severity, Words, describe

__all__ = ["Said", "Severity", "Words", "apply", "describe", "list_notices", "sweep"]
