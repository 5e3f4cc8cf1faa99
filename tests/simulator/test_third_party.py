"""A client that nobody here wrote takes the simulator for Meta: pywa, from the package registry.

Its base URL is set on its HTTP session, which is the one thing it is told; everything else it does as with Meta.
"""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from pywa.types import templates as made
from pywa.types.callback import Button, Section, SectionList, SectionRow, URLButton
from pywa.types.others import Contact
from pywa_async.client import WhatsApp
from pywa_async.errors import ReEngagementMessage, TemplateNotExists, WhatsAppError

from tests.simulator import test_documented as page
from tests.simulator.driving import CODE, DIGITS, PHONE, Receiver, Simulator

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
ENGLISH = made.TemplateLanguage.ENGLISH_US
ROWS = [SectionRow(title="Small", callback_data="s"), SectionRow(title="Large", callback_data="l")]
USER = {"user_id": "US.13491208655302741918", "name": "Ann"}  # everybody has one at Meta today; the client insists
BODY = {"type": "BODY", "text": "Guten Tag"}
DECISIONS: list[dict[str, Any]] = [
    {"event": "PAUSED"},
    {"event": "REJECTED", "reason": "INVALID_FORMAT"},
    {"event": "APPROVED"},
    {"quality": "YELLOW"},
    {"category": "MARKETING", "impending": True},
    {"category": "MARKETING"},
    {"components": [BODY, {"type": "FOOTER", "text": "Der Laden"}]},
]
KINDS = list(WhatsApp._handlers_to_updates)  # one handler for each sort of news that the client knows


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[WhatsApp]:
    """The client, given what an operator of Meta's would give it; it checks signatures too."""
    known = simulator.world
    async with httpx.AsyncClient(trust_env=False) as session:
        one = WhatsApp(
            phone_id=known["phone_number_id"],
            token=known["access_token"],
            waba_id=known["waba_id"],
            app_id=known["app_id"],
            app_secret=known["app_secret"],
            verify_token="open sesame",
            session=session,
        )
        session.base_url = httpx.URL(f"{simulator.base_url}/v25.0")
        yield one


async def test_it_sends_texts_files_and_places(client: WhatsApp, simulator: Simulator) -> None:
    quoted = await simulator.writes({"text": "Hello"})
    text = await client.send_message(PHONE, "Hello to you", reply_to_message_id=quoted, tracker="mark")
    await client.send_image(PHONE, PNG, caption="A dot", mime_type="image/png")
    await client.send_document(PHONE, "https://shop.example/bill.pdf", filename="bill.pdf")
    await client.send_location(PHONE, 37.44, -122.16, name="Philz", address="101 Forest Ave")
    await client.send_contact(PHONE, Contact(name=Contact.Name(formatted_name="Bob", first_name="Bob")))
    await client.send_reaction(PHONE, "👍", quoted)
    await client.mark_message_as_read(quoted)
    await client.indicate_typing(quoted)
    ledger = (await simulator.lever("sends"))["data"]
    assert [one["type"] for one in ledger] == ["text", "image", "document", "location", "contacts", "reaction"]
    assert (ledger[0]["wamid"], ledger[0]["quoted"], ledger[0]["opaque"]) == (text.id, quoted, "mark")


async def test_it_sends_what_can_be_tapped(client: WhatsApp, simulator: Simulator) -> None:
    await simulator.writes({"text": "Hello"})
    await client.send_message(PHONE, "Well?", header="H", footer="F", buttons=[Button("Yes", "yes")])
    sections = SectionList("Choose", [Section(title="Sizes", rows=ROWS)])
    await client.send_message(PHONE, "Which one?", buttons=sections)
    await client.send_message(PHONE, "Look", buttons=URLButton("Open", "https://shop.example"))
    await client.request_location(PHONE, "Where are you?")
    ledger = (await simulator.lever("sends"))["data"]
    assert [one["content"]["type"] for one in ledger] == ["button", "list", "cta_url", "location_request_message"]


async def test_it_makes_lists_and_sends_templates(client: WhatsApp, simulator: Simulator, receiver: Receiver) -> None:
    body = made.BodyText("Hello {{name}}, your order {{order}} is ready in our shop.", name="Ann", order="A-1")
    wanted = made.Template(
        name="ready",
        category=made.TemplateCategory.UTILITY,
        language=ENGLISH,
        parameter_format=made.ParamFormat.NAMED,
        components=[body, made.FooterText(text="The shop")],
    )
    created = await client.create_template(wanted)
    assert created.status == made.TemplateStatus.PENDING
    await receiver.until(lambda one: "message_template_status_update" in {change["field"] for change in one.changes()})
    found = {one.name: one for one in await client.get_templates()}
    assert (found["ready"].id, found["ready"].status) == (created.id, made.TemplateStatus.APPROVED)
    assert found["signup_otp"].category == made.TemplateCategory.AUTHENTICATION
    await client.send_template(PHONE, "ready", ENGLISH, [body.params(name="Bob", order="B-2")])
    otp = [made.AuthenticationBody.params(otp=CODE), made.CopyCodeOTPButton.params(otp=CODE)]
    sent = await client.send_template(PHONE, "signup_otp", ENGLISH, otp)
    shown = (await simulator.lever(f"phones/{DIGITS}/messages"))["messages"]
    assert {one["text"] for one in shown} >= {"Hello Bob, your order B-2 is ready in our shop."}
    assert sent.id in {one["wamid"] for one in shown}


async def test_it_uploads_the_sample_of_a_template_with_a_picture(client: WhatsApp, simulator: Simulator) -> None:
    wanted = made.Template(
        name="picture",
        category=made.TemplateCategory.MARKETING,
        language=ENGLISH,
        components=[made.HeaderImage(example=PNG), made.BodyText("Look what is new in our shop.")],
    )
    created = await client.create_template(wanted)
    listed = (await simulator.graph("GET", created.id)).json["components"]
    assert listed[0]["example"]["header_handle"][0].startswith("https://scontent.whatsapp.net/")


async def test_it_puts_files_there_and_gets_them_back(client: WhatsApp, simulator: Simulator) -> None:
    kept = await client.upload_media(PNG, mime_type="image/png", filename="a.png")
    told = await client.get_media_url(kept.id)
    assert (told.mime_type, await client.get_media_bytes(url=told.url)) == ("image/png", PNG)
    assert (await client.delete_media(kept.id)).success
    with pytest.raises(WhatsAppError):
        await client.get_media_url(kept.id)


async def test_it_knows_the_number_and_the_errors_for_metas(client: WhatsApp, simulator: Simulator) -> None:
    number = await client.get_business_phone_number()
    assert number.id == simulator.world["phone_number_id"]
    with pytest.raises(TemplateNotExists):
        await client.send_template(PHONE, "no_such", ENGLISH, [])
    await simulator.lever("faults", {"outcome": "131047"})
    with pytest.raises(ReEngagementMessage):
        await client.send_message(PHONE, "Too late")


async def test_it_reads_what_customers_do(client: WhatsApp, simulator: Simulator, receiver: Receiver) -> None:
    read = Reader(client)
    await simulator.lever(f"phones/{DIGITS}", USER)
    lines = [json.loads(await page._with_ids(simulator, line)) for line in page.TYPED]
    for line in lines:
        if "identity" not in line:  # a new identity comes with no content, which the client takes for damage
            await simulator.writes(line)
    await receiver.until(lambda one: len(one.posts) >= len(lines) - 1)
    await simulator.lever(f"phones/{DIGITS}/echoes", {"text": "From my own phone"})
    await simulator.lever(f"phones/{DIGITS}/preferences", {"value": "stop"})
    await simulator.calls(answered=True)
    await receiver.until(lambda one: len([change for change in one.changes() if change["field"] == "calls"]) == 2)
    await read(receiver)
    assert set(read.names) >= {
        *("Message", "CallbackButton", "CallbackSelection", "FlowCompletion", "EditedMessage", "DeletedMessage"),
        *("PhoneNumberChange", "CallPermissionUpdate", "OutgoingMessage"),
        *("UserMarketingPreferences", "CallConnect", "CallTerminate"),
    }


async def test_it_reads_what_became_of_its_messages(client: WhatsApp, simulator: Simulator, receiver: Receiver) -> None:
    read = Reader(client)
    await simulator.lever(f"phones/{DIGITS}", USER)
    await simulator.lever("faults", {"outcome": "played", "to": DIGITS})
    sent = await client.send_template(
        PHONE,
        "signup_otp",
        ENGLISH,
        [made.AuthenticationBody.params(otp=CODE), made.CopyCodeOTPButton.params(otp=CODE)],
    )
    await receiver.until_statuses("sent", "delivered", "read", "played")
    await read(receiver)
    assert [(one.id, one.status.value) for one in read.updates] == [
        (sent.id, word) for word in ("sent", "delivered", "read", "played")
    ]


async def test_it_reads_what_meta_decides(client: WhatsApp, simulator: Simulator, receiver: Receiver) -> None:
    """In German: what Meta writes with a hyphen in webhooks (en-US) this version of the client cannot read."""
    read = Reader(client)
    await simulator.lever("templates", {"name": "gruss", "language": "de", "components": [BODY]})
    for told in DECISIONS:
        await simulator.lever("templates/gruss", {"language": "de"} | told)
    await simulator.lever("account", {"field": "account_update", "event": "PARTNER_APP_UNINSTALLED"})
    await receiver.until(lambda one: len(one.posts) >= len(DECISIONS) + 1)
    await read(receiver)
    assert set(read.names) == {
        *("TemplateStatusUpdate", "TemplateQualityUpdate", "TemplateCategoryUpdate", "TemplateComponentsUpdate"),
        "AccountUpdate",
    }


class Reader:
    """Hands webhooks to the client, signature and all, and keeps what it made of them; a complaint fails the test."""

    def __init__(self, client: WhatsApp) -> None:
        self._client = client
        self.updates: list[Any] = []
        for kind in KINDS:
            client.add_handlers(kind(self._keep))  # type: ignore[arg-type]  # its own asynchronous client is meant

    @property
    def names(self) -> list[str]:
        return [type(one).__name__ for one in self.updates]

    async def __call__(self, receiver: Receiver) -> None:
        with complaints() as heard:
            for raw, headers in receiver.posts:
                assert await self._client.webhook_update_validator(raw, headers["X-Hub-Signature-256"]) is None
                assert await self._client.webhook_update_handler(raw) == ("ok", 200)
        assert heard == []

    async def _keep(self, _client: WhatsApp, update: Any) -> None:
        self.updates.append(update)


@contextmanager
def complaints() -> Iterator[list[str]]:
    """Gather what the client logs as a warning or worse: that is all it does about a webhook it cannot read."""
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(f"{record.getMessage()} {record.exc_info[1]!r}" if record.exc_info else record.getMessage())

    ear = Ear(logging.WARNING)
    logging.getLogger("pywa").addHandler(ear)
    try:
        yield heard
    finally:
        logging.getLogger("pywa").removeHandler(ear)
