"""Accounts: a WABA that Meta closed stops sending at once, one that it opened again goes on; all of it is told."""

from collections.abc import Sequence

import msgspec

from quixess import feed
from quixess.database.core import Tx
from quixess.events.outbox import Draft
from quixess.feed import Kind
from quixess.notices import words
from quixess.notices.keeping import Notice

# Meta's words for the end of an account.
_CLOSES = {"PARTNER_REMOVED", "PARTNER_APP_UNINSTALLED", "ACCOUNT_DELETED", "ACCOUNT_OFFBOARDED", "DISABLE"}
# Meta's word for the way back, and the ends that it undoes.
_REOPENS = {
    "ACCOUNT_RECONNECTED": ("ACCOUNT_OFFBOARDED", "PARTNER_REMOVED"),
    "REINSTATE": ("DISABLE",),
}


async def apply(tx: Tx, notices: Sequence[Notice]) -> list[Draft]:
    """Let account notices take effect, oldest first, and return an `account.updated` for each.

    The connection of a closed account is `disconnected`: its sends fail at once with `no_active_connection`.
    """
    for one in sorted(notices, key=lambda one: one.at):
        await _take_effect(tx, one)
    return [tell(one) for one in notices]


async def _take_effect(tx: Tx, notice: Notice) -> None:
    word = _word(notice)
    if word in _CLOSES:
        await _close(tx, notice, word)
    if word in _REOPENS:
        await _reopen(tx, notice, _REOPENS[word])


def _word(notice: Notice) -> str:
    """Name what happened to the account, empty when nothing did. An app of another partner is not our end."""
    if notice.field != "account_update":
        return ""
    apps = {number.app_id for number in notice.address.numbers}
    uninstalled = words.part(notice.value, "waba_info").get("partner_app_id")
    if notice.event == "PARTNER_APP_UNINSTALLED" and uninstalled is not None and str(uninstalled) not in apps:
        return ""
    ban = words.part(notice.value, "ban_info").get("waba_ban_state")
    return str(ban if notice.event == "DISABLED_UPDATE" else notice.event)


async def _close(tx: Tx, notice: Notice, word: str) -> None:
    """Disconnect the numbers, unless Meta said later that they are open or an operator disconnected them."""
    await tx.execute(
        """UPDATE connection SET state = 'disconnected', state_reason = $4, closed_by = $3, account_at = $5,
             updated_at = now()
           WHERE brand_id = $1 AND id = ANY($2::uuid[]) AND (account_at IS NULL OR account_at <= $5)
             AND (state <> 'disconnected' OR closed_by IS NOT NULL)""",
        notice.address.brand_id,
        sorted(notice.address.connection_ids),
        word,
        words.describe(notice.field, notice.value).summary,
        notice.at,
    )
    feed.tell(tx, notice.address.brand_id, Kind.CONNECTION, None)


async def _reopen(tx: Tx, notice: Notice, undone: Sequence[str]) -> None:
    """Take the numbers up again that one of these words closed. Noted in any case: an older end may still come."""
    await tx.execute(
        """UPDATE connection SET account_at = $4, updated_at = now(),
             state = CASE WHEN closed_by = ANY($3::text[]) THEN 'active' ELSE state END,
             state_reason = CASE WHEN closed_by = ANY($3::text[]) THEN NULL ELSE state_reason END,
             closed_by = CASE WHEN closed_by = ANY($3::text[]) THEN NULL ELSE closed_by END
           WHERE brand_id = $1 AND id = ANY($2::uuid[]) AND (account_at IS NULL OR account_at <= $4)""",
        notice.address.brand_id,
        sorted(notice.address.connection_ids),
        list(undone),
        notice.at,
    )
    feed.tell(tx, notice.address.brand_id, Kind.CONNECTION, None)


def tell(notice: Notice) -> Draft:
    """Draft the `account.updated` of a notice."""
    said = words.describe(notice.field, notice.value)
    data = {
        "waba_id": notice.address.waba_id,
        "phone_number_id": notice.address.phone_number_id,
        "field": notice.field,
        "event": notice.event,
        "severity": said.severity,
        "summary": said.summary,
        "details": notice.value,
    }
    return Draft(notice.address.brand_id, "account.updated", notice.at, msgspec.json.encode(data).decode())
