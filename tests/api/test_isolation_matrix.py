"""Nothing of another brand can be told from nothing at all: every operation × every value of Rival's in every place.

The requests come from the table of routes. With Bordercart's key each value that belongs to Rival must be answered
like a random one of its kind: same status, same headers, same body. What Rival stores says CANARY and is seen by nobody
else.
"""

import base64
import dataclasses
import json
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from quixess import api
from quixess.api.endpoint import Endpoint
from quixess.database import ids
from quixess.database.core import Database, Tx
from tests.hostile import asking, twins
from tests.hostile.asking import Ask, Slot
from tests.hostile.twins import CANARY, Shop
from tests.messages import hooks
from tests.world import Answer, World

DOORS = sorted({endpoint.path.split("/")[1] for endpoint in api.ENDPOINTS})
FOR_TEXTS = ("msg", "cnv", "med", "word")
_NAMES = re.compile(r"(?:^|[/_])(?:to|recipient|id|ids|template_name|language|link|reply_to|events?|cursor)(?:/|\Z)")
_OF_THE_MOMENT = {"date", "x-request-id", "content-length", "etag", "ratelimit", "retry-after"}
_ID = re.compile(r"\b(req|msg|cnv|med|evt|end|rpl|tpl|dlv|key|brd|ctc)_[0-7][0-9A-HJKMNP-TV-Z]{25}")
_CHANGING = re.compile(
    r"wamid\.[A-Za-z0-9+/=]+|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z|\b[0-9a-f]{64}\b"
    r'|(?<="fbtrace_id":")[^"]+|(?<="wa_media_id":")[0-9]+'
)


def of_door(door: str) -> tuple[Endpoint, ...]:
    return tuple(endpoint for endpoint in api.ENDPOINTS if endpoint.path.split("/")[1] == door)


def random_values(theirs: Mapping[str, str]) -> dict[str, str]:
    """Give a value of each kind that nobody has."""
    made = {kind: value[:4] + ids.show("x", ids.new())[2:] for kind, value in theirs.items() if _ID.fullmatch(value)}
    return made | {
        "con": ids.show("con", ids.new()),
        "wamid": f"wamid.{secrets.token_hex(16)}",
        "sent_wamid": "wamid.nobody1",
        "meta_template": "909091",
        "user_id": "US.N1048",
        "url": "http://127.0.0.1:9/webhooks/quixess",
        "e164": "+12815550188",
        "phone": "12815550188",
        "number": "999000998",
        "waba": "888000887",
        "bare_uuid": str(ids.new()),
        "template": "nobody_signup",
        "word": "nmarmalade",
        "metadata": "N-1042",
        "used_key": "used-N",
        "cursor": base64.urlsafe_b64encode(secrets.token_bytes(60)).decode().rstrip("="),
    }


async def cursors(world: World, shop: Shop) -> dict[str, str]:
    """Take a good cursor of Rival's from each list that goes on."""
    found = {}
    for one in asking.every(shop.values):
        if one.endpoint.method == "GET" and "cursor" in {slot.name for slot in asking.slots(one)}:
            answer = await dataclasses.replace(one, query={"limit": "1"}).of(world, key=shop.key)
            assert answer.status == 200, (one.endpoint.id, answer.body)
            if cursor := answer.json.get("next_cursor"):
                found[f"cursor of {one.endpoint.id}"] = str(cursor)
    return found


def told(answer: Answer, *values: str) -> tuple[int, dict[str, str], str]:
    """Reduce an answer to what must be equal: without times, ids, and the values that were asked with."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    body = answer.body.decode("latin-1")
    for value in sorted(values, key=len, reverse=True):
        for spelling in (json.dumps(value)[1:-1], value.lstrip("+")):
            body = body.replace(spelling, "‹asked›")
    body = body.replace("+‹asked›", "‹asked›")
    body = _CHANGING.sub("‹of the moment›", _ID.sub(r"\1_", body))
    return answer.status, {name: text for name, text in headers.items() if name not in _OF_THE_MOMENT}, body


async def differences(
    world: World, endpoints: tuple[Endpoint, ...], ours: Shop, theirs: Shop, *, thorough: bool = False
) -> list[str]:
    """Ask with every value of Rival's in every place, and with a random one; list what is not answered alike.

    Where people write as they like, a few kinds stand for all, unless it is to be `thorough`.
    """
    kinds = theirs.values | await cursors(world, theirs)
    nobodys = random_values(theirs.values)
    found: list[str] = []
    for one, slot in places(ours, endpoints):
        for kind, value in kinds.items():
            if not (thorough or kind in FOR_TEXTS or takes_names(slot)):
                continue
            other = nobodys["cursor" if kind.startswith("cursor") else kind]
            mine, nobody = await slot.put(one, value).of(world), await slot.put(one, other).of(world)
            for answer in (mine, nobody):
                assert_unseen(answer, f"{asking.show(one)} with {kind} at {slot.where} {slot.name}")
            what = [told(answer, value, other) for answer in (mine, nobody)]
            if what[0] != what[1]:
                found.append(f"{one.endpoint.id}, {slot.where} {slot.name}, {kind}: {what[0]} / {what[1]}")
    return found


def takes_names(slot: Slot) -> bool:
    """Tell whether a place may take something's name: texts of path and query, and members called like one."""
    return (slot.where in {"path", "query"} and slot.free) or bool(_NAMES.search(slot.name))


def places(ours: Shop, endpoints: tuple[Endpoint, ...]) -> Iterator[tuple[Ask, Slot]]:
    """Give each place of each operation once, in the first good request that has it."""
    seen = set()
    for one in asking.every(ours.values, endpoints):
        for slot in asking.slots(one):
            if (one.endpoint.id, slot.where, slot.name) not in seen:
                seen.add((one.endpoint.id, slot.where, slot.name))
                yield one, slot


def assert_unseen(answer: Answer, where: str) -> None:
    assert CANARY.encode() not in answer.body, where
    assert CANARY not in str(answer.headers), where


@asynccontextmanager
async def watched(world: World, capfd: pytest.CaptureFixture[str]) -> AsyncIterator[tuple[Shop, Shop]]:
    """Two brands side by side; after it no log line and none of Bordercart's webhooks tells of Rival."""
    async with twins.settled(world) as (ours, theirs):
        # Thousands of sends, faster than a number may send: neither we nor the simulator refuse them for that.
        await world.rows("UPDATE connection SET messages_per_s = NULL, pace_due_at = now() + interval '1 day'")
        await world.meta.lever("settings", {"messages_per_second": 0})
        yield ours, theirs
        await hooks.rest(world)
        for headers, body in world.receiver.got:
            assert CANARY not in str(headers)
            assert CANARY.encode() not in body
        assert any(CANARY.encode() in body for _, body in theirs.receiver.got)
    written = capfd.readouterr()
    assert CANARY not in written.out + written.err


def test_every_word_of_a_path_is_known_to_the_matrix() -> None:
    assert asking.problems() == set(), "Give each its row in PATH_KINDS of tests/hostile/asking.py."


@pytest.mark.parametrize("door", DOORS)
async def test_what_is_another_brands_is_answered_like_what_is_nobodys(
    world: World, door: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async with watched(world, capfd) as (ours, theirs):
        found = await differences(world, of_door(door), ours, theirs)
    assert not found, "\n".join(found)


@pytest.mark.slow  # every value in every place: minutes
@pytest.mark.parametrize("door", DOORS)
async def test_what_is_another_brands_is_answered_like_what_is_nobodys_in_free_texts_too(
    world: World, door: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async with watched(world, capfd) as (ours, theirs):
        found = await differences(world, of_door(door), ours, theirs, thorough=True)
    assert not found, "\n".join(found)


async def test_each_brand_finds_what_is_its_own(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """Else the matrix would compare nothing with nothing."""
    async with watched(world, capfd) as (ours, theirs):
        seen_by_rival = b""
        for one in asking.every(ours.values):
            if one.endpoint.method == "GET":
                answer = await one.of(world)
                assert answer.status == 200, (asking.show(one), answer.body)
                assert_unseen(answer, asking.show(one))
        for one in asking.every(theirs.values):
            if one.endpoint.method == "GET":
                answer = await one.of(world, key=theirs.key)
                assert answer.status == 200, (asking.show(one), answer.body)
                assert one.endpoint.id == "get_me" or one.path or CANARY.encode() in answer.body or _hides(one), one
                seen_by_rival += answer.body
        assert CANARY.encode() in seen_by_rival


def _hides(one: Ask) -> bool:
    """Lists of events show no bodies unless they are asked for; nothing of their rows is a text of the brand's."""
    return one.endpoint.path.startswith("/webhook-events")


async def test_every_operation_has_a_request_that_works(world: World) -> None:
    """Else its places would be tried behind a refusal that hides them. Two paths to one sync share its pause."""
    async with twins.settled(world) as (ours, _):
        answers: dict[str, list[Answer]] = {}
        for one in asking.every(ours.values):
            answers.setdefault(one.endpoint.id, []).append(await one.of(world))
    for name, found in answers.items():
        paused = name.startswith("sync_") and found[0].status == 429
        assert paused or any(answer.status < 300 for answer in found), [answer.body for answer in found]


async def test_a_used_idempotency_key_of_another_brand_is_a_new_one_here(world: World) -> None:
    async with twins.settled(world) as (_, theirs):
        body = {"to": theirs.phone, "code": "482913", "template_name": "signup_otp", "metadata": {"order": "B-1042"}}
        answers = [
            await world.call("POST", f"{api.EXTERNAL}/send/otp", body=body, headers={"Idempotency-Key": key})
            for key in (theirs.values["used_key"], "a-key-of-nobody")
        ]
    assert [answer.status for answer in answers] == [200, 200]
    assert told(answers[0]) == told(answers[1])
    assert "Idempotent-Replayed" not in answers[0].headers


async def test_a_file_that_another_brand_has_too_is_taken_like_any_other(world: World) -> None:
    """Both share one file on disk: that must not show."""
    async with twins.settled(world) as (ours, theirs):
        for one in asking.every(ours.values):
            if one.endpoint.upload is not None:
                same = await dataclasses.replace(one, file=theirs.file).of(world)
                other = await dataclasses.replace(one, file=theirs.file[:-2] + b"no").of(world)
                assert same.status == other.status == 200, same.body
                assert told(same) == told(other)


class _Unfiltered(Tx):
    """A reading whose statements have lost their filter by brand: row-level security is all that is left."""

    __slots__ = ("_counts",)

    def __init__(self, tx: Tx, counts: list[int]) -> None:
        super().__init__(tx._connection)
        self._counts = counts

    async def rows(self, sql: str, *arguments: Any) -> list[Any]:
        return await super().rows(self._strip(sql), *arguments)

    async def row(self, sql: str, *arguments: Any) -> Any:
        return await super().row(self._strip(sql), *arguments)

    def _strip(self, sql: str) -> str:
        without, count = re.subn(r"(?:\b\w+\.)?\bbrand_id = \$(\d+)(?:::uuid)?(?!\d)", r"$\1::uuid IS NOT NULL", sql)
        assert not re.search(r"brand_id\s*(?:=|IN|<|>)\s*(?:ANY)?\s*\(?\$", without), f"another way to filter: {sql}"
        self._counts.append(count)
        return without


@pytest.fixture
def unfiltered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Take the filter by brand out of every statement of a reading; tells how often it stood in each."""
    counts: list[int] = []
    reading = Database.reading

    @asynccontextmanager
    async def bare(self: Database, brand_id: UUID) -> AsyncIterator[Tx]:
        async with reading(self, brand_id) as tx:
            yield _Unfiltered(tx, counts)

    monkeypatch.setattr(Database, "reading", bare)
    return counts


async def test_reads_without_their_filter_by_brand_still_see_one_brand_only(
    world: World, unfiltered: list[int], capfd: pytest.CaptureFixture[str]
) -> None:
    reads = tuple(endpoint for endpoint in api.ENDPOINTS if endpoint.method == "GET")
    async with watched(world, capfd) as (ours, theirs):
        found = await differences(world, reads, ours, theirs)
        assert not found, "\n".join(found)
        for one in asking.every(ours.values, reads):
            answer = await one.of(world)
            assert answer.status == 200, (asking.show(one), answer.body)
            assert_unseen(answer, asking.show(one))
    assert sum(unfiltered) > len(reads)


@pytest.mark.parametrize("door", ["media", "messages", "conversations", "webhook-events"])
async def test_with_both_nets_away_the_matrix_notices(world: World, monkeypatch: pytest.MonkeyPatch, door: str) -> None:
    """The proof of the proof: neither a filter nor row-level security, and what is Rival's lies open.

    Templates have a third net: they are looked up by the connection that sends.
    """

    @asynccontextmanager
    async def blind(self: Database, brand_id: UUID) -> AsyncIterator[Tx]:
        async with self.statement() as tx:
            yield _Unfiltered(tx, [])

    reads = tuple(endpoint for endpoint in of_door(door) if endpoint.method == "GET")
    async with twins.settled(world) as (ours, theirs):
        known = await cursors(world, theirs)
        monkeypatch.setattr(Database, "reading", blind)
        assert await notices(world, reads, ours, theirs, known), f"GET /{door} would leak unseen"


async def notices(world: World, reads: tuple[Endpoint, ...], ours: Shop, theirs: Shop, known: dict[str, str]) -> bool:
    """Tell whether any value of Rival's is answered unlike nobody's, or anything of Rival's shows."""
    nobodys = random_values(theirs.values)
    for one, slot in places(ours, reads):
        for kind, value in (theirs.values | known).items():
            other = nobodys["cursor" if kind.startswith("cursor") else kind]
            mine, nobody = await slot.put(one, value).of(world), await slot.put(one, other).of(world)
            if CANARY.encode() in mine.body or told(mine, value, other) != told(nobody, value, other):
                return True
    return False
