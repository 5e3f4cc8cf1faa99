"""Two apps, two brands, two numbers: each hears and sends by its own, and one's trouble is not the other's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quixess.database import ids
from tests.connections.meta import Office, office
from tests.messages import hooks
from tests.world import PHONE, Answer, Receiver, World, eventually, listening

REPLY = "/api/v1/whatsapp/external/send/reply"
HEARD = ["message.received", "message.delivered", "account.updated"]


@pytest.fixture
async def desk(dsn: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(dsn, tmp_path) as one:
        yield one


@dataclass
class Neighbour:
    """Another brand on the same WABA, with a number of its own, and an app of its own where it has one."""

    desk: Office
    receiver: Receiver
    key: str
    id: str
    number: str
    app: dict[str, Any] | None

    async def send(self, to: str = PHONE) -> Answer:
        return await self.desk.world.send_otp(to, key=self.key)

    async def hears(self, text: str) -> None:
        """A customer writes to the neighbour's number."""
        said = {"text": text, "phone_number_id": self.number}
        await self.desk.world.meta.lever(f"phones/{PHONE[1:]}/messages", said)


async def second_app(desk: Office) -> dict[str, Any]:
    app: dict[str, Any] = await desk.world.meta.lever("apps", {"name": "Neighbour's"})
    made = await desk.world.meta.lever("tokens", {"kind": "system_user", "app_id": app["id"]})
    return app | {"token": made["access_token"]}


@asynccontextmanager
async def neighbour(desk: Office, *, own_app: bool) -> AsyncIterator[Neighbour]:
    """Connect Rival to a second number of Bordercart's WABA, by an app of its own or by the same one."""
    meta = desk.world.meta
    number = await meta.lever("numbers", {"verified_name": "Rival"})
    app = await second_app(desk) if own_app else None
    mine = {} if app is None else {"app_id": app["id"], "app_secret": app["secret"], "access_token": app["token"]}
    async with listening() as receiver:
        webhook = {"url": receiver.url, "event_types": HEARD}
        made = await desk.call(
            "POST", "/connections", desk.pasted(phone_number_id=number["id"], webhook=webhook, **mine)
        )
        assert made.status == 201, made.json
        key = await desk.world.mint(brand_id=ids.parse("brd", desk.brand))
        yield Neighbour(desk, receiver, key, made.json["id"], number["id"], app)


async def listen(world: World) -> None:
    await world.rows("UPDATE endpoint SET event_types = $1 WHERE brand_id = $2", HEARD, world.brand_id)


async def told(receiver: Receiver, kind: str) -> None:
    """Wait until a tenant was told of something."""
    await eventually(lambda: receiver.of_type(kind))


async def happened(receiver: Receiver, word: str) -> list[dict[str, Any]]:
    """Wait until a tenant was told of this to its account."""

    def found() -> list[dict[str, Any]]:
        return [one for one in receiver.of_type("account.updated") if one["data"]["event"] == word]

    return list(await eventually(found))


def texts(receiver: Receiver) -> list[str]:
    return [event["data"]["content"]["body"] for event in receiver.of_type("message.received")]


@pytest.mark.parametrize("own_app", [True, False], ids=["two apps", "one app"])
async def test_each_brand_hears_and_sends_by_its_own_number(desk: Office, own_app: bool) -> None:
    world = desk.world
    await listen(world)
    async with neighbour(desk, own_app=own_app) as rival:
        await world.customer_says("to Bordercart")
        await rival.hears("to Rival")
        sent = [await world.send_otp(), await rival.send()]
        assert [one.json["from"]["phone_number_id"] for one in sent] == [
            world.meta.world["phone_number_id"],
            rival.number,
        ]
        for one in (world.receiver, rival.receiver):
            await told(one, "message.delivered")
            await told(one, "message.received")
        await hooks.rest(world)
        assert (texts(world.receiver), texts(rival.receiver)) == (["to Bordercart"], ["to Rival"])
        for one, answer in zip((world.receiver, rival.receiver), sent, strict=True):
            (event,) = one.of_type("message.delivered")
            assert event["data"]["message_id"] == answer.json["id"]


async def test_an_apps_secret_opens_its_own_path_only(desk: Office) -> None:
    world = desk.world
    async with neighbour(desk, own_app=True) as rival:
        assert rival.app is not None
        raw = hooks.body(world, [hooks.change(world, messages=[hooks.text()])])
        first, second = world.meta.world, rival.app
        own = [(first["app_id"], first["app_secret"]), (second["id"], second["secret"])]
        crossed = [(first["app_id"], second["secret"]), (second["id"], first["app_secret"])]

        assert [(await hooks.post(world, raw, app_id=app, secret=secret)).status for app, secret in own] == [200, 200]
        assert [(await hooks.post(world, raw, app_id=app, secret=secret)).status for app, secret in crossed] == [
            401
        ] * 2
        await hooks.rest(world)
        assert len(world.receiver.of_type("message.received")) == 1
        strays = await world.rows("SELECT app_id, reason FROM stray WHERE reason = 'number of another app'")
        assert {row["app_id"] for row in strays} == {second["id"]}


async def test_a_customer_who_removes_one_app_keeps_the_brand_of_the_other(desk: Office) -> None:
    world = desk.world
    await listen(world)
    async with neighbour(desk, own_app=True) as rival:
        assert rival.app is not None
        value = {
            "event": "PARTNER_APP_UNINSTALLED",
            "waba_info": {"waba_id": world.meta.world["waba_id"], "partner_app_id": rival.app["id"]},
        }
        await world.meta.lever("account", {"field": "account_update", "value": value})
        await happened(rival.receiver, "PARTNER_APP_UNINSTALLED")

        refused = await rival.send()
        assert (refused.status, refused.json["code"]) == (404, "no_active_connection")
        assert "uninstalled the app" in refused.json["detail"]
        assert (await world.send_otp()).status == 200


async def test_a_customer_who_removes_the_partner_stops_every_brand_on_the_account_until_it_is_connected_anew(
    desk: Office,
) -> None:
    world = desk.world
    await listen(world)
    async with neighbour(desk, own_app=False) as rival:
        await world.meta.lever("account", {"field": "account_update", "event": "PARTNER_REMOVED"})
        for one in (world.receiver, rival.receiver):
            (event,) = await happened(one, "PARTNER_REMOVED")
            assert event["data"]["severity"] == "critical"

        before = await world.sends()
        for refused in (await world.send_otp(), await rival.send()):
            assert (refused.status, refused.json["code"]) == (404, "no_active_connection")
            assert "removed us as a partner" in refused.json["detail"]
        assert await world.sends() == before

        token = (await world.meta.lever("tokens", {"kind": "system_user"}))["access_token"]
        again = await desk.call("POST", f"/connections/{rival.id}/reconnect", {"access_token": token})
        assert again.status == 200, again.json
        assert (await rival.send()).status == 200
        assert (await world.send_otp()).status == 404


async def test_sends_at_the_moment_of_a_removal_are_sent_or_refused_with_the_reason(world: World) -> None:
    async def keep_sending(first: int) -> list[Answer]:
        return [
            await world.send_otp(f"+1281818{first + index}", idempotency_key=f"k{first + index}") for index in range(20)
        ]

    async def remove() -> None:
        await eventually(world.sends)
        await world.meta.lever("account", {"field": "account_update", "event": "PARTNER_REMOVED"})

    *answers, _ = await asyncio.gather(*(keep_sending(4000 + 20 * one) for one in range(4)), remove())

    found = [(one.status, one.json.get("code")) for four in answers for one in four or ()]
    assert set(found) <= {(200, None), (404, "no_active_connection"), (502, "whatsapp_connection_unauthorized")}
    assert found.count((200, None)) == len(await world.sends())
    refused = await eventually(lambda: _refused(world))
    assert refused.json["code"] == "no_active_connection"


async def test_of_two_brands_that_claim_a_number_at_once_one_gets_it(desk: Office) -> None:
    number = await desk.world.meta.lever("numbers", {"verified_name": "Whose?"})
    pasted = desk.pasted(phone_number_id=number["id"])

    answers = await asyncio.gather(
        *(desk.call("POST", "/connections", pasted, brand=brand) for brand in ("Rival", "Bordercart") * 3)
    )

    took = {row["brand_id"] for row in await _connections(desk, number["id"])}
    assert len(took) == 1
    for answer in answers:
        assert answer.status == 201 or (answer.status, answer.json["step"]) == (409, "phone_number"), answer.json
    assert {answer.status for answer in answers} == {201, 409}


async def test_a_number_moves_to_another_brand_and_takes_nothing_along(desk: Office) -> None:
    world = desk.world
    sent = await hooks.send_silently(world)
    await world.customer_says("for Bordercart")
    await eventually(lambda: world.receiver.of_type("message.received"))
    await desk.free_the_number()
    async with listening() as shop:
        made = await desk.call("POST", "/connections", desk.pasted(webhook={"url": shop.url, "event_types": HEARD}))
        assert made.status == 201, made.json

        await hooks.tell(world, statuses=[hooks.status(sent, "delivered")])
        await world.customer_says("for Rival")
        await eventually(lambda: shop.of_type("message.received"))
        await hooks.rest(world)

        assert texts(shop) == ["for Rival"]
        assert shop.of_type("message.delivered") == []
        key = await world.mint(brand_id=ids.parse("brd", desk.brand))
        listed = await world.call("GET", "/api/v1/whatsapp/external/messages", key=key)
        assert len(listed.json["data"]) == 1
        assert b"for Bordercart" not in listed.body
    assert texts(world.receiver) == ["for Bordercart"]


async def test_a_brand_with_two_numbers_answers_by_the_one_that_was_written_to(desk: Office) -> None:
    world = desk.world
    second = await world.meta.lever("numbers", {"verified_name": "Bordercart Returns"})
    made = await desk.call("POST", "/connections", desk.pasted(phone_number_id=second["id"]), brand="Bordercart")
    assert made.status == 201, made.json

    await world.meta.lever(f"phones/{PHONE[1:]}/messages", {"text": "Back it goes", "phone_number_id": second["id"]})
    await eventually(lambda: world.receiver.of_type("message.received"))
    answer = await world.call("POST", REPLY, body={"to": PHONE, "type": "text", "text": {"body": "Thank you"}})

    assert answer.json["from"]["phone_number_id"] == second["id"]
    assert (await world.send_otp()).json["from"]["phone_number_id"] == world.meta.world["phone_number_id"]


async def test_an_override_of_the_account_brings_webhooks_here_as_well(desk: Office) -> None:
    world = desk.world
    known = world.meta.world
    whole = {
        "override_callback_uri": f"{world.url}/webhooks/meta/{known['app_id']}",
        "verify_token": known["verify_token"],
    }
    assert (await world.meta.graph("POST", f"{known['waba_id']}/subscribed_apps", json=whole)).status == 200

    await world.customer_says("by the override")

    await eventually(lambda: world.receiver.of_type("message.received"))
    assert texts(world.receiver) == ["by the override"]


async def _refused(world: World) -> Answer | None:
    answer = await world.send_otp()
    return answer if answer.status == 404 else None


async def _connections(desk: Office, number: str) -> list[Any]:
    return await desk.world.rows("SELECT brand_id FROM connection WHERE phone_number_id = $1", number)
