"""Who is who at the simulated Meta: apps, businesses' WABAs, their numbers, and the tokens that reach them.

Records and the verbs over them; nothing of HTTP. Times are Unix seconds on Meta's clock.
"""

import random
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from quixess.simulator import mint, tokens
from quixess.simulator.model import Identity, Json, Subscription

# Meta's page "Webhooks overrides": everything else goes to the app's own callback.
OVERRIDABLE = {
    *("messages", "message_echoes", "calls", "consumer_profile", "messaging_handovers"),
    *("group_lifecycle_update", "group_participants_update", "group_settings_update", "group_status_update"),
    *("smb_message_echoes", "smb_app_state_sync", "history", "account_settings_update"),
}
APP_NAME = "Quixess Simulator"

CanSend = Literal["AVAILABLE", "LIMITED", "BLOCKED"]


class Health(msgspec.Struct, forbid_unknown_fields=True):
    """One entity of `health_status`: `errors` and `additional_info` as Meta shows them."""

    can_send_message: CanSend = "AVAILABLE"
    errors: list[Json] = []
    additional_info: list[str] = []


class App(msgspec.Struct, kw_only=True):
    """A Meta app. `old_secret` is accepted beside `secret` for as long as it is kept."""

    id: str
    secret: str
    verify_token: str
    name: str = APP_NAME
    old_secret: str | None = None
    require_proof: bool = False
    subscription: Subscription | None = None

    @property
    def access_token(self) -> str:
        return f"{self.id}|{self.secret}"

    @property
    def secrets(self) -> list[str]:
        return [self.secret] + ([self.old_secret] if self.old_secret else [])


class Waba(msgspec.Struct, kw_only=True):
    """A WhatsApp Business Account. `apps` are those subscribed to it, each with its override or None."""

    id: str
    business_id: str
    name: str
    apps: dict[str, Subscription | None] = {}
    health: Health = msgspec.field(default_factory=Health)


class Number(msgspec.Struct, kw_only=True):
    """A business phone number; `display` is digits. `tries` are the times of register and deregister.

    In `maintenance` it sends nothing (131057), as while Meta raises its throughput.
    """

    id: str
    waba_id: str
    display: str
    verified_name: str
    code_verification_status: Literal["VERIFIED", "NOT_VERIFIED", "EXPIRED"] = "VERIFIED"
    registered: bool = True
    status: str | None = None
    platform_type: str | None = None
    name_status: str = "APPROVED"
    quality_rating: str = "GREEN"
    throughput: str = "STANDARD"
    account_mode: str = "SANDBOX"
    maintenance: bool = False
    pin: str | None = None
    tries: list[float] = []
    wrong_pins: list[float] = []
    deleted_at: float | None = None
    deregistering: bool = False
    onboarded_at: float | None = None
    override: Subscription | None = None
    settings: Json = {}
    profile: Json = {}
    health: Health = msgspec.field(default_factory=Health)


class Book(msgspec.Struct, kw_only=True):
    """All of it, as the state file holds it; ids are the keys."""

    apps: dict[str, App]
    wabas: dict[str, Waba]
    numbers: dict[str, Number]
    tokens: dict[str, tokens.Token]


@dataclass(frozen=True, slots=True)
class Target:
    """Where one app gets a webhook."""

    url: str
    app_id: str


def founded(known: Identity) -> Book:
    """Return the book of a new world: one app, one WABA, one registered number, one system user's token."""
    app = App(id=known.app_id, secret=known.app_secret, verify_token=known.verify_token)
    waba = Waba(id=known.waba_id, business_id=known.business_id, name=known.verified_name)
    number = Number(
        id=known.phone_number_id,
        waba_id=known.waba_id,
        display=known.display_phone_number,
        verified_name=known.verified_name,
    )
    return Book(
        apps={app.id: app}, wabas={waba.id: waba}, numbers={number.id: number}, tokens={known.access_token: own(known)}
    )


def own(known: Identity) -> tokens.Token:
    """Return the first system user's token: it never expires."""
    return tokens.Token(
        value=known.access_token,
        kind="system_user",
        app_id=known.app_id,
        user_id=known.system_user_id,
        business_id=known.business_id,
        waba_ids=[known.waba_id],
    )


def renew(book: Book, known: Identity) -> None:
    """Give the first system user's token back its life and its WABAs, and register the first number again."""
    token, first = own(known), founded(known).numbers[known.phone_number_id]
    token.waba_ids = [one.id for one in book.wabas.values() if one.business_id == known.business_id]
    book.tokens[known.access_token] = token
    first.override = book.numbers[first.id].override
    book.numbers[first.id] = first


def add_app(book: Book, source: random.Random, name: str) -> App:
    """Make an app that has no webhook yet."""
    app = App(
        id=mint.digits(source, 16), secret=source.randbytes(16).hex(), verify_token=mint.text(source, 32), name=name
    )
    book.apps[app.id] = app
    return app


def add_waba(book: Book, source: random.Random, business_id: str | None, name: str) -> Waba:
    """Make a WABA, of a new business if none is named. System users of the business reach it at once."""
    waba = Waba(id=mint.digits(source, 15), business_id=business_id or mint.digits(source, 16), name=name)
    book.wabas[waba.id] = waba
    for token in book.tokens.values():
        if token.kind == "system_user" and token.business_id == waba.business_id:
            token.waba_ids.append(waba.id)
    return waba


def add_number(book: Book, source: random.Random, waba: Waba, display: str | None, verified_name: str) -> Number:
    """Make a number of a WABA, neither verified nor registered; `display` is digits, drawn if there are none."""
    number = Number(
        id=mint.digits(source, 15),
        waba_id=waba.id,
        display=display or "1555078" + mint.digits(source, 4),
        verified_name=verified_name,
        code_verification_status="NOT_VERIFIED",
        registered=False,
    )
    book.numbers[number.id] = number
    return number


def view(home: Identity, book: Book, number: Number) -> Identity:
    """Return the identity with that number and its WABA in the place of the first ones."""
    waba = book.wabas[number.waba_id]
    return msgspec.structs.replace(
        home,
        business_id=waba.business_id,
        waba_id=waba.id,
        phone_number_id=number.id,
        display_phone_number=number.display,
        verified_name=number.verified_name,
    )


def view_waba(home: Identity, waba: Waba) -> Identity:
    """Return the identity with that WABA in the place of the first one, for what is about no number."""
    return msgspec.structs.replace(home, business_id=waba.business_id, waba_id=waba.id)


def targets(book: Book, field: str, waba_id: str, number_id: str | None, *, always: bool = False) -> list[Target]:
    """Return where each app gets that field: the number's override, else the WABA's, else the app's callback.

    An app gets nothing unless it asked for the field and is subscribed to the WABA; `always` skips both.
    """
    waba, number = book.wabas.get(waba_id), book.numbers.get(number_id or "")
    found = []
    for app in book.apps.values():
        wanted = waba is not None and app.id in waba.apps and app.subscription and field in app.subscription.fields
        if app.subscription is None or not (always or wanted):
            continue
        override = _override(app, waba, number) if field in OVERRIDABLE else None
        found.append(Target((override or app.subscription).callback_url, app.id))
    return found


def remove_partner(book: Book, waba_id: str, app_id: str | None) -> None:
    """Part a WABA from an app, or from every app: tokens lose it, and one that has no other is dead (190, 458)."""
    for token in book.tokens.values():
        if waba_id in token.waba_ids and app_id in (None, token.app_id):
            token.waba_ids.remove(waba_id)
            if not token.waba_ids:
                token.died = tokens.Death.APP_REMOVED
    waba = book.wabas.get(waba_id)
    if waba is not None:
        waba.apps = {app: override for app, override in waba.apps.items() if app_id not in (None, app)}


def number_card(number: Number, book: Book, home: Identity, tier: str) -> Json:
    """Show everything that Graph tells of a number; `tier` is the messaging limit of its portfolio."""
    card: Json = {
        "verified_name": number.verified_name,
        "code_verification_status": number.code_verification_status,
        "display_phone_number": _spaced(number.display),
        "quality_rating": number.quality_rating,
        "platform_type": number.platform_type or ("CLOUD_API" if number.registered else "NOT_APPLICABLE"),
        "throughput": {"level": number.throughput if number.registered else "NOT_APPLICABLE"},
        "name_status": number.name_status,
        "new_name_status": "NONE",
        "status": number.status or ("CONNECTED" if number.registered else "PENDING"),
        "account_mode": number.account_mode,
        "is_pin_enabled": number.pin is not None,
        "is_official_business_account": False,
        "whatsapp_business_manager_messaging_limit": tier,
        "messaging_limit_tier": tier,
        "webhook_configuration": _webhooks(number, book, home),
        "health_status": number_health(number, book, home),
        "id": number.id,
    }
    if number.onboarded_at is not None:
        card["last_onboarded_time"] = mint.graph_time(number.onboarded_at)
    return card


def waba_card(waba: Waba, home: Identity) -> Json:
    """Show everything that Graph tells of a WABA."""
    return {
        "name": waba.name,
        "timezone_id": "1",
        "currency": "USD",
        "message_template_namespace": waba.business_id,
        "account_review_status": "APPROVED",
        "owner_business_info": {"name": waba.name, "id": waba.business_id},
        "health_status": _health([*_waba_entities(waba, home)]),
        "id": waba.id,
    }


def number_health(number: Number, book: Book, home: Identity) -> Json:
    """Show `health_status` of a number: the worst of itself, its WABA, business and app."""
    mine = number.health
    if not number.registered and mine.can_send_message != "BLOCKED":
        missing = {
            "error_code": 141000,
            "error_description": "The phone number is not registered.",
            "possible_solution": "Register the phone number.",
        }
        mine = Health("BLOCKED", [*mine.errors, missing], mine.additional_info)
    return _health([_entity("PHONE_NUMBER", number.id, mine), *_waba_entities(book.wabas[number.waba_id], home)])


def _override(app: App, waba: Waba | None, number: Number | None) -> Subscription | None:
    by_waba = waba.apps.get(app.id) if waba else None
    return (number.override if number else None) or by_waba


def _webhooks(number: Number, book: Book, home: Identity) -> Json:
    by_waba, by_app = book.wabas[number.waba_id].apps.get(home.app_id), book.apps[home.app_id].subscription
    known = {"phone_number": number.override, "whatsapp_business_account": by_waba, "application": by_app}
    return {name: one.callback_url for name, one in known.items() if one is not None}


def _waba_entities(waba: Waba, home: Identity) -> list[Json]:
    return [
        _entity("WABA", waba.id, waba.health),
        _entity("BUSINESS", waba.business_id, Health()),
        _entity("APP", home.app_id, Health()),
    ]


def _entity(kind: str, node: str, health: Health) -> Json:
    told: Json = {"entity_type": kind, "id": node, "can_send_message": health.can_send_message}
    more: dict[str, list[Any]] = {"errors": health.errors, "additional_info": health.additional_info}
    return told | {name: items for name, items in more.items() if items}


def _health(entities: list[Json]) -> Json:
    words = {entity["can_send_message"] for entity in entities}
    worst = next(word for word in ("BLOCKED", "LIMITED", "AVAILABLE") if word in words)
    return {"can_send_message": worst, "entities": entities}


def _spaced(digits: str) -> str:
    """Write digits as Meta shows a number: as in the United States, or after two digits of country."""
    if digits.startswith("1") and len(digits) == 11:
        return f"+1 {digits[1:4]}-{digits[4:7]}-{digits[7:]}"
    return f"+{digits[:2]} {digits[2:]}"
