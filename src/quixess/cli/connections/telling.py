"""What the commands about connections say."""

from datetime import datetime

from quixess.access import Brand
from quixess.cli import paint
from quixess.connections import Entry
from quixess.database import ids
from quixess.events.envelope import moment
from quixess.onboarding import Connected


def tell(owner: Brand, made: Connected) -> None:
    """Tell what was connected, and what is left to be done by hand."""
    paint.say(ids.show("con", made.connection_id))
    if made.endpoint_secret is not None:
        paint.say(made.endpoint_secret)
        paint.step("The second line signs every event: keep it now, it is not shown again.")
    paint.step(f"{made.display_phone} {made.verified_name or ''} sends for {owner.name}.")
    if made.registered:
        paint.step("The number was registered; its PIN is kept sealed.")
    if made.verify_token is not None:
        paint.step(f"Enter in the app, page Webhooks: callback URL https://YOUR-HOST{made.callback_url}")
        paint.step(f"and verify token {made.verify_token}; subscribe to every field of docs/connect-meta.md.")
    said = "are fetched in a moment" if made.templates is None else f"fetched: {made.templates}"
    paint.step(f"Templates {said}.")


def webhooks_after(unsubscribed: bool | None) -> str:
    """Say what Meta does with the account's webhooks after a disconnection."""
    if unsubscribed is None:
        return "The account's webhooks go on: other numbers of it are connected."
    if unsubscribed:
        return "Meta sends no more webhooks of the account."
    return "Meta did not take the app off the account: remove it in the Business settings."


def facts(one: Entry) -> list[tuple[str, str]]:
    """List what is known of a connection, by name."""
    told: dict[str, str | datetime | None] = {
        "id": ids.show("con", one.id),
        "number": f"+{one.display_phone}",
        "phone number id": one.phone_number_id,
        "account (WABA)": one.waba_id,
        "app": one.app_id,
        "name": one.verified_name,
        "state": one.state,
        "reason": one.state_reason,
        "sends codes and templates": "yes" if one.sends else "no",
        "token": f"…{one.token_last4}",
        "token expires": one.token_expires_at,
        "quality": one.quality,
        "status at Meta": one.number_status,
        "name status": one.name_status,
        "throughput": one.throughput,
        "messaging limit": one.messaging_limit,
        "webhook seen": one.webhook_seen_at,
        "templates synced": one.templates_synced_at,
        "created": one.created_at,
    }
    return [(name, moment(value) if isinstance(value, datetime) else value or "-") for name, value in told.items()]
