"""What a process counts, and that no caller can make it tell of others or count without end."""

import asyncio
import re

from quixess import logs
from quixess.probes import numbers
from quixess.probes.numbers import METRICS, OF_LIBRARY, Kind
from tests.api import raw
from tests.messages import pauses
from tests.probes.looking import exposed, number, samples
from tests.world import CODE, OTP, PHONE, World, eventually

ROUTE = "/webhooks/meta/{app_id}"


async def test_what_passes_is_counted_by_route_and_class(watched: World) -> None:
    for key in ("a", "b"):
        assert (await watched.send_otp(idempotency_key=key)).status == 200
    assert (await watched.send_otp(key="qxs_wrong")).status == 401
    assert (await watched.call("GET", OTP)).status == 405

    asked = {"route": OTP, "method": "POST"}
    assert await number(watched, "quixess_http_requests_total", **asked, status="2xx") == 2
    assert await number(watched, "quixess_http_requests_total", **asked, status="4xx") == 1
    assert await number(watched, "quixess_http_requests_total", route=OTP, method="GET", status="4xx") == 1
    assert await number(watched, "quixess_http_request_seconds_count", route=OTP) == 4
    assert await number(watched, "quixess_http_requests_open") == 0
    assert await number(watched, "quixess_meta_sends_total", outcome="accepted") == 2
    assert await number(watched, "quixess_meta_sends_total", outcome="unknown") == 0
    assert await number(watched, "quixess_batch_rows_count", batch="claims") >= 1


async def test_the_way_from_meta_to_the_tenant_is_timed(watched: World) -> None:
    watched.receiver.answers = [500]
    await watched.customer_says("hello")
    await eventually(lambda: len(watched.receiver.got) == 2)
    await eventually(lambda: watched.rows("SELECT 1 FROM outcome"))

    assert await number(watched, "quixess_http_requests_total", route=ROUTE, method="POST", status="2xx") >= 1
    assert await number(watched, "quixess_intake_seconds_count") >= 1
    assert await number(watched, "quixess_first_attempt_seconds_count") == 1
    assert await number(watched, "quixess_delivery_attempts_total", answer="2xx") == 1
    assert await number(watched, "quixess_delivery_attempts_total", answer="5xx") == 1
    assert await number(watched, "quixess_delivery_attempt_seconds_count") == 2
    assert await number(watched, "quixess_deliveries_in_flight") == 0


async def test_how_meta_took_a_send_is_counted(watched: World) -> None:
    await watched.send_otp(to="+15550100013")
    await watched.send_otp(to="+15550100005")
    await pauses.end(watched)
    await watched.meta.lever("faults", {"outcome": "http_500"})
    await watched.send_otp()

    for outcome in ("rejected", "not_sent", "unknown"):
        assert await number(watched, "quixess_meta_sends_total", outcome=outcome) == 1, outcome


async def test_a_stranger_makes_no_new_number(watched: World) -> None:
    await watched.send_otp()
    await hostile(watched, "one")
    before = {(name, *sorted(labels.items())) for name, labels, _ in samples(await exposed(watched))}
    await hostile(watched, "another")
    after = {(name, *sorted(labels.items())) for name, labels, _ in samples(await exposed(watched))}

    assert after == before
    assert await number(watched, "quixess_http_requests_total", route="none", status="4xx") >= 10


async def hostile(world: World, word: str) -> None:
    """Ask for what is not there, in many ways, each with a word that no number may bear."""
    paths = (
        f"/{word}", f"/api/v1/whatsapp/{word}", f"{OTP}/{word}", f"/webhooks/meta/{word}", f"/static/{word}/{word}.css",
        f"/app/{word}", f"/app/{word}/{word}", f"/%22{word}", f"/{word}%0a{word}",
    )  # fmt: skip
    for path in paths:
        for method in ("GET", "POST", "PROPFIND"):
            await world.call(method, path, key="", headers={"X-Request-Id": f"{word}-{word}"}, allow_redirects=False)
    port = int(world.url.rpartition(":")[2])
    for lines in (f"GET /{word} HTTP/1.1\r\nHost: {word}.example", f"GET /{word} HTTP/1.1", f"{word} /livez HTTP/1.1"):
        await raw.send(port, f"{lines}\r\n\r\n".encode())


async def test_no_number_tells_of_a_person_a_tenant_or_a_secret(watched: World) -> None:
    await watched.send_otp()
    await watched.call("GET", f"/api/v1/whatsapp/external/messages?phone={PHONE}")
    await watched.customer_says("my card is 4111111111111111")
    await eventually(lambda: watched.receiver.got)
    text = await exposed(watched)

    told = (
        PHONE, PHONE[1:], CODE, watched.key, watched.key[:12], watched.endpoint_secret, str(watched.brand_id), "4111",
        "Bordercart", watched.meta.world["phone_number_id"], watched.meta.world["app_id"], watched.receiver.url,
        watched.meta.world["access_token"],
    )  # fmt: skip
    for word in told:
        assert word not in text
    assert not re.search(r"\d{8,}", re.sub(r"^\S+ (?:\d|[.e+-])+$|}\s.*$", "", text, flags=re.MULTILINE))


async def test_every_number_that_is_shown_has_its_name_in_the_table(watched: World) -> None:
    await watched.send_otp()
    text = await exposed(watched)

    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    listed = {one.name: one.kind.value for one in (*METRICS, *OF_LIBRARY)}
    assert kinds == {name: kind for name, kind in listed.items() if name in kinds}
    assert set(listed) - set(kinds) <= {numbers.TOKEN_ENDS_S.name}  # no token here ends
    labels = {one.name: set(one.labels) for one in (*METRICS, *OF_LIBRARY)}
    for name, has, _ in samples(text):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        assert set(has) - {"le"} == labels.get(name, labels.get(base)), name


async def test_steps_of_a_spread_add_up(watched: World) -> None:
    await asyncio.gather(*(watched.send_otp() for _ in range(5)))
    found = [
        (float(labels["le"]), value)
        for name, labels, value in samples(await exposed(watched))
        if name == "quixess_http_request_seconds_bucket" and labels["route"] == OTP
    ]

    assert found == sorted(found)
    assert [value for _, value in found] == sorted(value for _, value in found)
    assert found[-1] == (float("inf"), 5)


async def test_lines_of_the_log_are_counted_from_the_first_on(watched: World) -> None:
    before = await number(watched, "quixess_log_lines_total", level="warning")
    logs._clean(None, "warning", {"level": "warning", "event": "a word"})

    assert await number(watched, "quixess_log_lines_total", level="warning") == before + 1


def test_names_are_as_prometheus_wants_them() -> None:
    for one in METRICS:
        assert re.fullmatch(r"quixess_[a-z_]+", one.name)
        assert one.name.endswith("_total") == (one.kind is Kind.COUNTER)
        assert one.kind is not Kind.HISTOGRAM or one.name.endswith(("_seconds", "_rows"))
    assert len({one.name for one in METRICS}) == len(METRICS)
