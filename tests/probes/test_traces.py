"""Spans for OpenTelemetry: of requests, sends, Meta's bodies and deliveries; none unless they are wanted."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from quixess import traces
from quixess.traces import TracesError
from tests.world import CODE, OTP, PHONE, World, eventually

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What is traced, in the order in which it ended."""
    exporter = InMemorySpanExporter()
    traces.start("test", exporter)
    yield exporter
    traces.stop()


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


async def test_a_send_is_one_trace_that_goes_on_from_the_callers(spans: InMemorySpanExporter, watched: World) -> None:
    answer = await watched.call("POST", OTP, headers={"traceparent": PARENT}, body={
        "to": PHONE, "code": CODE, "template_name": "signup_otp"})  # fmt: skip
    (request,) = await eventually(lambda: named(spans, f"POST {OTP}"))
    (send,) = named(spans, "send at Meta")

    assert f"{request.context.trace_id:032x}" == PARENT.split("-")[1]
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == PARENT.split("-")[2]
    assert send.parent is not None
    assert send.parent.span_id == request.context.span_id
    assert dict(request.attributes or {}) == {
        "http.route": OTP,
        "http.request.method": "POST",
        "quixess.answer": "2xx",
        "quixess.request_id": answer.headers["X-Request-Id"],
    }
    assert dict(send.attributes or {}) == {"quixess.outcome": "accepted"}


async def test_a_delivery_is_a_trace_of_its_own_that_its_receiver_may_go_on_with(
    spans: InMemorySpanExporter, watched: World
) -> None:
    watched.receiver.answers = [503]
    await watched.customer_says("hello")
    first, second = await eventually(lambda: ended(spans, "deliver", 2))
    (event,) = {event["id"] for event in watched.receiver.events}

    told = [dict(span.attributes or {}) for span in (first, second)]
    assert [one["quixess.attempt"] for one in told] == [1, 2]
    assert [one["quixess.answer"] for one in told] == ["5xx", "2xx"]
    assert {one["quixess.event_id"] for one in told} == {event}
    assert first.parent is None
    assert first.context.trace_id != second.context.trace_id
    heard = [headers["traceparent"].rpartition("-")[0] for headers, _ in watched.receiver.got]
    assert heard == [f"00-{one.context.trace_id:032x}-{one.context.span_id:016x}" for one in (first, second)]
    (work,) = named(spans, "work off")[-1:]
    assert str((work.attributes or {})["quixess.intake_id"]).startswith("int_")


def ended(spans: InMemorySpanExporter, name: str, many: int) -> list[ReadableSpan] | None:
    found = named(spans, name)
    return found if len(found) == many else None


async def test_no_span_tells_of_a_person_a_code_or_a_key(spans: InMemorySpanExporter, watched: World) -> None:
    await watched.send_otp()
    await watched.send_otp(key="qxs_wrong")
    await watched.call("GET", f"/api/v1/whatsapp/external/messages?phone={PHONE}")
    await watched.call("GET", f"/{PHONE}/{CODE}", key="", headers={"traceparent": CODE, "tracestate": f"a={CODE}"})
    await watched.customer_says("my card is 4111111111111111")
    await eventually(lambda: named(spans, "deliver"))
    text = "".join(span.to_json() for span in spans.get_finished_spans())

    for word in (PHONE[1:], CODE, watched.key, "4111", watched.receiver.url, str(watched.brand_id), "hello"):
        assert word not in text


async def test_untraced_nothing_is_told_to_anybody(watched: World) -> None:
    await watched.customer_says("hello")
    await eventually(lambda: watched.receiver.got)

    assert not traces.on()
    assert "traceparent" not in {name.lower() for headers, _ in watched.receiver.got for name in headers}


def test_without_the_extra_the_fix_is_named(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(TracesError, match=r"pip install 'quixess\[otel\]'"):
        traces.start("test")
    assert not traces.on()
