"""GET /me: a key asks what it is, what it may do, and how much of it is left."""

from datetime import timedelta

import msgspec

from quixess import access, api
from quixess.access import Constraints, Scope
from quixess.api.me import Me, Narrowed
from quixess.database import ids
from tests.api.connecting import reconnect
from tests.world import World

ME = "/api/v1/whatsapp/external/me"


async def test_a_key_is_told_who_it_is(world: World) -> None:
    secret = await world.mint(Scope.SEND_OTP, expires_in=timedelta(days=90))
    answer = await world.call("GET", ME, key=secret)
    told = answer.json
    async with world.rooms.db.transaction() as tx:
        (key,) = [one for one in await access.list_keys(tx, world.brand_id) if one.name == "test"]
    assert answer.status == 200
    assert told.pop("expires_at").endswith("Z")
    assert told == {
        "id": ids.show("key", key.id),
        "name": "test",
        "brand": {"id": ids.show("brd", world.brand_id), "name": "Bordercart"},
        "scopes": ["whatsapp:send_otp"],
        "constraints": dict.fromkeys(Narrowed.__struct_fields__),
        "last_used_at": None,
        "limits": [],
        "connection": {
            "phone_number_id": world.meta.world["phone_number_id"],
            "display_phone": "+" + "".join(filter(str.isdigit, world.meta.world["display_phone_number"])),
            "waba_id": world.meta.world["waba_id"],
            "state": "active",
        },
    }
    assert secret not in answer.body.decode()
    assert msgspec.convert(answer.json, Me).brand.name == "Bordercart"


async def test_constraints_and_quotas_are_told_with_what_is_left(world: World) -> None:
    narrow = Constraints(
        templates=("signup_otp",),
        destinations=("US", "49"),
        ip_allow=("127.0.0.0/8",),
        requests_per_minute=10,
        messages_per_minute=5,
        messages_per_day=100,
    )
    secret = await world.mint(Scope.SEND_OTP, constraints=narrow)
    assert (await world.send_otp(key=secret)).status == 200
    told = (await world.call("GET", ME, key=secret)).json
    assert msgspec.convert(told["constraints"], Constraints) == narrow
    left = [(one["policy"], one["quota"], one["window_s"], one["left"]) for one in told["limits"]]
    assert left == [
        ("requests", 10, 60, 8),
        ("messages_per_minute", 5, 60, 4),
        ("messages_per_day", 100, 86_400, 99),
    ]
    assert told["limits"][2]["reset_s"] <= 864
    again = (await world.call("GET", ME, key=secret)).json["limits"]
    assert [one["left"] for one in again] == [7, 4, 99]


def test_the_answer_knows_every_constraint() -> None:
    assert Narrowed.__struct_fields__ == Constraints.__struct_fields__


async def test_any_key_may_ask_and_one_without_a_brand_is_told_so(world: World) -> None:
    for scope in Scope:
        assert (await world.call("GET", ME, key=await world.mint(scope))).status == 200
    async with world.rooms.db.transaction() as tx:
        unbound, _ = await access.mint_key(tx, world.rooms.keyring, None, name="u", scopes=[Scope.REPLY], actor="test")
    refused = await world.call("GET", ME, key=unbound)
    assert (refused.status, refused.json["code"]) == (400, "brand_not_bound")
    assert (await world.call("GET", ME, key="")).status == 401


async def test_the_connection_is_told_as_it_is_and_a_brand_without_one_has_none(world: World) -> None:
    await world.rows("UPDATE connection SET state = 'unauthorized'")
    assert (await world.call("GET", ME)).json["connection"]["state"] == "unauthorized"
    await reconnect(world, world.meta.base_url)
    assert (await world.call("GET", ME)).json["connection"]["state"] == "active"
    async with world.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
    told = (await world.call("GET", ME, key=await world.mint(brand_id=rival.id))).json
    assert told["connection"] is None
    assert told["brand"] == {"id": ids.show("brd", rival.id), "name": "Rival"}
    assert world.meta.world["waba_id"] not in str(told)


def test_it_is_beside_the_twelve() -> None:
    (endpoint,) = [one for one in api.ENDPOINTS if one.id == "get_me"]
    assert not endpoint.counted
    assert msgspec.convert(endpoint.answer, Me).name == "signup"
