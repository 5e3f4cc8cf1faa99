"""Every error that a send can meet: said by the simulated Meta, decoded, put in its class, and answered accordingly.

`CLASSES` is Meta's table of error codes read by hand, so that it checks `meta/codes.txt` and does not repeat it.
"""

from typing import Any

import pytest

from quixess.meta import codes
from quixess.meta.codes import Kind
from tests.api import connecting
from tests.messages import pauses
from tests.world import Answer, World, eventually

CLASSES: dict[Kind, tuple[int, ...]] = {
    Kind.RETRY: (1, 2, 130429, 131000, 131016, 131057, 133004),
    Kind.WAIT: (4, 613, 80007, 131048, 131049, 131056, 131064, 132015, 132069, 134101),
    Kind.PERMANENT: (
        *(100, 130497, 131008, 131009, 131021, 131030, 131047, 131051, 131052, 131053, 131055, 131062),
        *(132000, 132001, 132005, 132007, 132008, 132012, 132016, 132018, 132068, 134100, 135000),
    ),
    Kind.CONFIGURATION: (
        *(0, 3, 10, 33, 104, 190, 200, 299, 368, 2500, 131005, 131031, 131037, 131042, 131045, 131063, 133010),
        *(134011, 134102),
    ),
    Kind.USER: (130472, 131026, 131050, 137000),
}
# What Meta says of other calls than a send: pages, calls, flows, registration, templates, numbers and user names.
OTHER_CALLS = (
    *(131044, 131059, 131060),
    *range(133000, 133004),
    *range(133005, 133010),
    *range(133011, 133100),
    *range(138000, 140000),
    *range(147001, 147006),
    *range(200005, 200008),
    *range(2_000_000, 3_000_000),
)
HASTE = {4: 1, 613: 1, 80007: 1, 130429: 1, 131056: 6}
DEAD_TOKEN = {0, 190}
DOUBTFUL = {1, 2, 3, 131000, 131016, 131045, 131057, 133004}  # an HTTP 5xx, or a code that leaves it open
CODES = [(code, kind) for kind, members in CLASSES.items() for code in members]
LATER = [(code, kind) for code, kind in CODES if code != 0]  # which is only ever an answer


async def meet(world: World, code: int) -> Answer:
    """Send to somebody of their own while Meta answers with this code."""
    await world.meta.lever("faults", {"outcome": str(code)})
    return await world.send_otp(to=phone_for(code), idempotency_key=f"code-{code}")


def phone_for(code: int) -> str:
    return f"+1281{818_0000 + [known for known, _ in CODES].index(code):07}"


def expected(code: int) -> tuple[int, str | None]:
    if code in HASTE:
        return 429, "whatsapp_rate_limited"
    if code in DOUBTFUL:
        return 202, None
    return 502, "whatsapp_connection_unauthorized" if code in DEAD_TOKEN else "whatsapp_error"


def judged(answer: Answer) -> tuple[int, str | None]:
    return answer.status, answer.json.get("code")


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_a_code_is_in_its_class(code: int, kind: Kind) -> None:
    assert codes.explain(code).kind is kind
    assert codes.explain(code).known or 200 <= code <= 299


def test_every_row_of_ours_is_one_that_a_send_can_meet_or_belongs_to_another_call() -> None:
    met = {code for code, _ in CODES}
    rows = {code for code, subcode in codes.TABLE if subcode is None and code is not None}
    assert rows - met - set(OTHER_CALLS) == set()
    assert met & set(OTHER_CALLS) == set()


async def test_every_code_is_answered_as_its_class_asks(world: World) -> None:
    for code, kind in CODES:
        answer = await meet(world, code)
        assert judged(answer) == expected(code), code
        if code in HASTE:
            assert int(answer.headers["Retry-After"]) == HASTE[code], code
        if answer.status != 202:
            assert answer.json["whatsapp_error"]["error"]["code"] == code
            assert codes.explain(code).fix in answer.json["detail"], code
        if answer.status == 502:
            assert "Retry-After" not in answer.headers
            assert answer.json["retryable"] is (kind in {Kind.RETRY, Kind.WAIT}), code
        await world.rows("DELETE FROM pause")  # each code is the first of its day
        if code in DEAD_TOKEN:
            await connecting.reconnect(world, world.meta.base_url)
    assert await world.sends() == []


async def test_a_key_runs_again_after_haste_and_tells_the_same_after_a_refusal(world: World) -> None:
    for code in (*HASTE, 131026, 132015, 131042):
        first = await meet(world, code)
        await pauses.end(world)
        again = await world.send_otp(to=phone_for(code), idempotency_key=f"code-{code}")
        assert (again.status == 200) is (code in HASTE), code
        assert (again.body == first.body) is (code not in HASTE), code


async def test_every_code_that_comes_later_is_told_with_its_class(world: World) -> None:
    for code, _ in LATER:
        await world.meta.lever("faults", {"outcome": f"async:{code}"})
        assert (await world.send_otp(to=phone_for(code))).status == 200, code

    failed = await eventually(lambda: all_failed(world))
    told = {error["code"]: error for event in failed for error in event["data"]["errors"]}
    assert {code: error["retryable"] for code, error in told.items()} == {
        code: kind in {Kind.RETRY, Kind.WAIT} for code, kind in LATER
    }
    assert all(error["fix"] == codes.explain(code).fix for code, error in told.items())


def all_failed(world: World) -> list[dict[str, Any]] | None:
    failed = world.receiver.of_type("message.failed")
    return failed if len(failed) == len(LATER) else None
