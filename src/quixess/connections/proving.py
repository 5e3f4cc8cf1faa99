"""Proving: what is claimed of a number, held against what Meta says of it. Nothing is written, here or at Meta."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from quixess.connections.model import Claim, Facts, NotConnectable
from quixess.errors import QuixessError
from quixess.meta import onboarding
from quixess.meta.graph import Credentials, Graph, NotSent, Rejected, Unknown

SCOPES = ("whatsapp_business_management", "whatsapp_business_messaging")
_LATEST_S = 253_402_300_799
_ENDED = {
    "BANNED": "Meta banned the number: appeal in Business Support Home.",
    "DELETED": "The number was deleted from the WhatsApp Business account: add it again in WhatsApp Manager.",
    "MIGRATED": "The number moved to another WhatsApp Business account: connect it with the id of that one.",
}
_ANOTHER_APP = 100  # "The App_id in the input_token did not match the Viewing App"
_UNREGISTERED = {"PENDING", "DISCONNECTED", "UNVERIFIED"}


@contextmanager
def step(name: str, fix: str) -> Iterator[None]:
    """Wrap a call to Meta: a refusal becomes NotConnectable with this step and fix, and no answer a 503."""
    try:
        yield
    except Rejected as refused:
        error = refused.error
        said = f"{fix} Meta's code {error.code}: {error.explanation.meaning.lower()}."
        raise NotConnectable(name, said, meta_code=error.code, meta_subcode=error.subcode) from None
    except (NotSent, Unknown):
        text = "Meta gave no clear answer at this step: try again. Nothing was connected."
        raise QuixessError("upstream_unavailable", text, extra={"step": name}) from None
    except ValueError as error:  # Credentials that could not stand in a path or a header
        raise NotConnectable(name, f"{fix} {str(error).capitalize()}.") from None


async def prove(graph: Graph, claim: Claim, verify_token: str) -> tuple[Facts, bool]:
    """Hold a claim against Meta: app and secret, token and permissions, WABA and number.

    Returns what is true, and whether the number still has to be registered. Raises NotConnectable, and
    `upstream_unavailable` when Meta does not answer.
    """
    token = await _prove_token(graph, claim)
    number = await _prove_number(graph, claim)
    facts = Facts(
        app_id=claim.app_id,
        app_secret=claim.app_secret,
        verify_token=verify_token,
        waba_id=claim.waba_id,
        phone_number_id=claim.phone_number_id,
        display_phone=_text(number, "display_phone_number") or "",
        token=claim.token,
        graph_url=claim.graph_url,
        verified_name=_text(number, "verified_name"),
        token_expires_at=_moment(token.get("expires_at")),
        quality=_text(number, "quality_rating"),
        number_status=_text(number, "status"),
        name_status=_text(number, "name_status"),
        throughput=_text(_part(number, "throughput"), "level"),
        messaging_limit=_text(number, "whatsapp_business_manager_messaging_limit"),
    )
    return facts, _needs_registration(claim, number)


async def prove_secret(graph: Graph, app_id: str, app_secret: str) -> None:
    """Ask Meta whether this is the app's secret now. Raises NotConnectable when it is not."""
    with step("app_secret", "Copy app id and app secret anew from the app's settings, page Basic."):
        await onboarding.look_at_token(graph, app_id, app_secret, f"{app_id}|{app_secret}")


async def _prove_token(graph: Graph, claim: Claim) -> Mapping[str, Any]:
    try:
        with step("app_secret", "Copy app id and app secret anew from the app's settings, page Basic."):
            known = await onboarding.look_at_token(graph, claim.app_id, claim.app_secret, claim.token)
    except NotConnectable as error:
        if (error.extra["meta"] or {"code": 0})["code"] != _ANOTHER_APP:
            raise
        raise _of_another_app() from None
    if known.get("is_valid") is not True:
        raise NotConnectable("token", "Meta does not take this access token (expired, revoked or cut): make a new one.")
    if str(known.get("app_id")) != claim.app_id:
        raise _of_another_app()
    scopes = known.get("scopes")
    missing = [scope for scope in SCOPES if not isinstance(scopes, list) or scope not in scopes]
    if missing:
        text = f"The access token lacks {' and '.join(missing)}: make a new one with both permissions."
        raise NotConnectable("permissions", text)
    _check_targets(known, claim.waba_id)
    return known


def _of_another_app() -> NotConnectable:
    return NotConnectable("token", "The access token was made for another app: make one for this app.")


def _check_targets(known: Mapping[str, Any], waba_id: str) -> None:
    """Hold the WABA against those that the token was granted for. A permission without targets is for all."""
    granted = known.get("granular_scopes")
    for one in granted if isinstance(granted, list) else ():
        targets = one.get("target_ids") if isinstance(one, dict) and one.get("scope") in SCOPES else None
        if isinstance(targets, list) and targets and waba_id not in map(str, targets):
            text = "The access token is not for this WhatsApp Business account: assign the account to the system user, "
            raise NotConnectable("waba", text + "or choose it in the sign-up, and make a new token.")


async def _prove_number(graph: Graph, claim: Claim) -> Mapping[str, Any]:
    fix = "Check the id of the WhatsApp Business account, and that the token's user has full control of it."
    with step("waba", fix):
        credentials = Credentials(claim.phone_number_id, claim.waba_id, claim.token, claim.app_secret)
        numbers = await onboarding.list_numbers(graph, credentials)
    found = next((one for one in numbers if str(one.get("id")) == claim.phone_number_id), None)
    if found is None:
        text = (
            "This WhatsApp Business account has no phone number of this id: copy the phone number id (not the number)."
        )
        raise NotConnectable("phone_number", text)
    if (ended := _ENDED.get(str(found.get("status")))) is not None:
        raise NotConnectable("phone_number", ended)
    return found


def _needs_registration(claim: Claim, number: Mapping[str, Any]) -> bool:
    """Tell whether the number has to be registered. Raises NotConnectable when it cannot be as things are."""
    platform, status = number.get("platform_type"), number.get("status")
    if claim.on_phone or (platform in {None, "CLOUD_API"} and status not in _UNREGISTERED):
        return False
    if number.get("code_verification_status") == "NOT_VERIFIED":
        text = "The number is not verified: let WhatsApp Manager send its code and enter it there."
        raise NotConnectable("registration", text)
    if claim.pin is None:
        text = (
            "The number is not registered yet: name a PIN of six digits. It becomes the number's two-step PIN, or has "
        )
        raise NotConnectable("registration", text + "to be the one that it has.")
    return True


def _part(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _text(value: Mapping[str, Any], key: str) -> str | None:
    found = value.get(key)
    return found if isinstance(found, str) and found else None


def _moment(seconds: Any) -> datetime | None:
    """Read Meta's unix seconds; 0 is never."""
    return datetime.fromtimestamp(seconds, UTC) if type(seconds) is int and 0 < seconds <= _LATEST_S else None
