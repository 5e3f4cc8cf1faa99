"""What may be wished of an endpoint: refusals name the field and the fix, and nobody reaches into another brand."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from quixess import access
from quixess.database import ids
from quixess.database.core import Database, Tx
from quixess.errors import QuixessError
from quixess.events import directory, trials
from quixess.events.endpoints import EXTRA_TYPES, Endpoint
from quixess.events.outbox import HandOff
from quixess.events.outward import Policy
from quixess.events.wishes import Wish
from quixess.vault import Keyring

PUBLIC = Policy()
ACTOR = "tests"


@contextmanager
def refused(pointer: str, text: str) -> Iterator[None]:
    """Expect a refusal that names the field and says what to do."""
    with pytest.raises(QuixessError) as caught:
        yield
    assert caught.value.code == "invalid_request"
    assert [error.pointer for error in caught.value.errors] == [pointer]
    assert text in caught.value.detail


async def found(db: Database, name: str = "Bordercart") -> UUID:
    async with db.transaction() as tx:
        return (await access.create_brand(tx, name)).id


def hostile() -> Iterator[Any]:
    shop = {"url": "https://shop.example/"}
    yield "no URL", {}, "/url", "Name the URL"
    for url in ("http://shop.example/", "https://127.0.0.1/", "https://user@shop.example/", "https://shop.example:22/"):
        yield url, {"url": url}, "/url", "cannot be called"
    yield "a long name", shop | {"name": "x" * 101}, "/name", "100 characters"
    yield "a name in two lines", shop | {"name": "a\nb"}, "/name", "control characters"
    yield "no types", shop | {"event_types": []}, "/event_types", "message.received"
    for kind in ("message.*", "endpoint.test", "", "MESSAGE.READ"):
        yield f"type {kind}", shop | {"event_types": ["message.read", kind]}, "/event_types/1", "message.received"
    yield "no steps", shop | {"schedule_s": []}, "/schedule_s", "1 to 20 steps"
    yield "21 steps", shop | {"schedule_s": [1] * 21}, "/schedule_s", "1 to 20 steps"
    for step in (0, -1, 0.009, 86_401, float("nan"), float("inf")):
        yield f"step {step}", shop | {"schedule_s": [1, step]}, "/schedule_s/1", "24 hours"
    yield "8 days", shop | {"schedule_s": [86_400] * 8}, "/schedule_s", "7 days"
    yield (
        "11 headers",
        shop | {"headers": {f"X-{number}": "1" for number in range(11)}},
        "/headers",
        "at most 10 headers",
    )
    yield "a header twice", shop | {"headers": {"X-A": "1", "x-a": "2"}}, "/headers", "one header of the name"
    for name in (
        "Host", "Content-Type", "content-length", "Transfer-Encoding", "Connection", "webhook-id", "Cookie", "", "X-",
        "X-Quixess-Event-Id", "x-forwarded-for", "X-Real-IP", "X-aws-ec2-metadata-token", "X-A B", "X-A:", "X-Ä",
        "X-A\r\nX-B", "X-A\n", "X-" + "a" * 63,
    ):  # fmt: skip
        yield f"header {name!r}", shop | {"headers": {name: "hunter2"}}, "/headers", "Header "
    for value in ("", " a", "a ", "a\r\nX-B: 1", "a\n", "ä", "a\x00", "a" * 1025):
        yield f"value {value!r}", shop | {"headers": {"X-A": value}}, "/headers", "printable ASCII"


@pytest.mark.parametrize(("wish", "pointer", "text"), [pytest.param(*one, id=name) for name, *one in hostile()])
async def test_a_wish_that_cannot_be_granted_names_the_field_and_the_fix(
    db: Database, keyring: Keyring, wish: dict[str, Any], pointer: str, text: str
) -> None:
    brand_id = await found(db)
    with refused(pointer, text):
        async with db.transaction() as tx:
            await directory.add(tx, keyring, brand_id, Wish(**wish), PUBLIC, actor=ACTOR)
    async with db.transaction() as tx:
        made = await directory.add(tx, keyring, brand_id, Wish(url="https://shop.example/a"), PUBLIC, actor=ACTOR)
    if wish:
        with refused(pointer, text):
            async with db.transaction() as tx:
                await directory.change(tx, keyring, brand_id, made.id, Wish(**wish), PUBLIC, actor=ACTOR)
    async with db.transaction() as tx:
        (entry,) = await directory.list_endpoints(tx, keyring, brand_id)
    assert entry.endpoint == made


async def test_what_stands_at_the_limits_is_granted(db: Database, keyring: Keyring) -> None:
    brand_id = await found(db)
    wish = Wish(
        url="https://shop.example",
        name="ä" * 100,
        event_types=sorted(EXTRA_TYPES),
        schedule_s=[0.01] * 13 + [86_400] * 6 + [86_399.87],
        headers={f"X-{number}": "~" * 1024 for number in range(9)} | {"AUTHORIZATION": "!"},
    )
    async with db.transaction() as tx:
        made = await directory.add(tx, keyring, brand_id, wish, PUBLIC, actor=ACTOR)
    assert made.url == "https://shop.example/"
    assert made.event_types == EXTRA_TYPES
    assert len(made.headers) == 10


async def test_an_overlap_is_a_week_at_most_and_not_in_the_past(db: Database, keyring: Keyring) -> None:
    brand_id = await found(db)
    async with db.transaction() as tx:
        made = await directory.add(tx, keyring, brand_id, Wish(url="https://shop.example/"), PUBLIC, actor=ACTOR)
    for overlap in (timedelta(days=7, seconds=1), timedelta(seconds=-1)):
        with refused("/overlap", "7 days"):
            async with db.transaction() as tx:
                await directory.rotate_secret(tx, keyring, brand_id, made.id, actor=ACTOR, overlap=overlap)


async def test_a_brand_has_twenty_endpoints_at_most_however_many_ask_at_once(db: Database, keyring: Keyring) -> None:
    brand_id = await found(db)

    async def one(number: int) -> Endpoint:
        async with db.transaction() as tx:
            wish = Wish(url=f"https://shop.example/{number}")
            return await directory.add(tx, keyring, brand_id, wish, PUBLIC, actor=ACTOR)

    made = await asyncio.gather(*map(one, range(25)), return_exceptions=True)
    assert len([one for one in made if isinstance(one, Endpoint)]) == directory.MOST_ENDPOINTS
    with refused("", "at most 20 endpoints"):
        await one(25)
    async with db.transaction() as tx:
        known = await directory.list_endpoints(tx, keyring, brand_id)
        await directory.remove(tx, brand_id, known[0].endpoint.id, actor=ACTOR)
    assert isinstance(await one(26), Endpoint)


async def test_one_url_is_one_endpoint_of_a_brand(db: Database, keyring: Keyring) -> None:
    mine, rivals = await found(db), await found(db, "Rival")

    async def one(brand_id: UUID, url: str, name: str = "") -> Endpoint:
        async with db.transaction() as tx:
            return await directory.add(tx, keyring, brand_id, Wish(url=url, name=name), PUBLIC, actor=ACTOR)

    first = await one(mine, "https://shop.example/hook", "shop")
    await one(rivals, "https://shop.example/hook")
    other = await one(mine, "https://shop.example/other")
    known = f"{ids.show('end', first.id)} shop"
    with refused("/url", known):
        await one(mine, "https://SHOP.example:443/hook")
    with refused("/url", known):
        async with db.transaction() as tx:
            wish = Wish(url="https://shop.example/hook")
            await directory.change(tx, keyring, mine, other.id, wish, PUBLIC, actor=ACTOR)
    with refused("/url", ids.show("end", other.id)):
        async with db.transaction() as tx:
            await directory.set_url(tx, keyring, mine, "https://shop.example/other")
    async with db.transaction() as tx:
        await directory.remove(tx, mine, first.id, actor=ACTOR)
    await one(mine, "https://shop.example/hook")


async def test_nobody_touches_an_endpoint_of_another_brand(db: Database, keyring: Keyring) -> None:
    mine, rivals = await found(db), await found(db, "Rival")
    async with db.transaction() as tx:
        made = await directory.add(tx, keyring, mine, Wish(url="https://shop.example/"), PUBLIC, actor=ACTOR)

    def with_actor(verb: Callable[..., Awaitable[Any]]) -> Callable[[Tx, UUID], Awaitable[Any]]:
        return lambda tx, one: verb(tx, keyring, rivals, one, actor=ACTOR)

    tries: list[Callable[[Tx, UUID], Awaitable[Any]]] = [
        lambda tx, one: directory.find(tx, keyring, rivals, one),
        lambda tx, one: directory.change(tx, keyring, rivals, one, Wish(name="x"), PUBLIC, actor=ACTOR),
        lambda tx, one: directory.remove(tx, rivals, one, actor=ACTOR),
        lambda tx, one: trials.record(tx, keyring, rivals, one, HandOff(None)),
        *map(with_actor, (directory.rotate_secret, directory.end_overlap, directory.disable, directory.enable)),
    ]
    for attempt in tries:
        for endpoint_id in (made.id, ids.new()):
            with pytest.raises(QuixessError, match="not_found"):
                async with db.transaction() as tx:
                    await attempt(tx, endpoint_id)
    async with db.transaction() as tx:
        assert (await directory.find(tx, keyring, mine, made.id)).endpoint == made
        assert await tx.rows("SELECT 1 FROM audit WHERE brand_id = $1", rivals) == []


async def test_a_reserved_endpoint_has_its_secret_before_its_url(db: Database, keyring: Keyring) -> None:
    brand_id = await found(db)
    async with db.transaction() as tx:
        reserved, new = await directory.reserve(tx, keyring, brand_id)
        assert (new, reserved.url) == (True, None)
        assert await directory.reserve(tx, keyring, brand_id) == (reserved, False)
    with refused("/url", "a URL first"):
        async with db.transaction() as tx:
            await trials.record(tx, keyring, brand_id, reserved.id, HandOff(None))
    async with db.transaction() as tx:
        set_now, first = await directory.set_url(tx, keyring, brand_id, "https://shop.example/")
        again, once_more = await directory.set_url(tx, keyring, brand_id, "https://shop.example/")
    assert (set_now.secrets, first) == (reserved.secrets, True)
    assert (again, once_more) == (set_now, False)


async def test_secrets_and_headers_lie_sealed_each_in_its_own_place(db: Database, keyring: Keyring) -> None:
    brand_id = await found(db)
    async with db.transaction() as tx:
        wish = Wish(url="https://shop.example/", headers={"Authorization": "Bearer hunter2"})
        made = await directory.add(tx, keyring, brand_id, wish, PUBLIC, actor=ACTOR)
        turned = await directory.rotate_secret(tx, keyring, brand_id, made.id, actor=ACTOR)
        row = await tx.row("SELECT secret, previous_secret, headers FROM endpoint")

    assert row is not None
    for column in row.values():
        assert b"hunter2" not in column
        assert not any(secret.encode() in column for secret in turned.secrets)
    for text in (repr(wish), repr(made), repr(turned)):
        assert "hunter2" not in text
        assert "whsec_" not in text
