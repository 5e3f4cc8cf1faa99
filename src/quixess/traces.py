"""Traces: spans of a process for OpenTelemetry, if the operator wants them; else a span costs a comparison.

The packages come with the extra `quixess[otel]`. Where spans go, how many are kept and what the service is called is
said by OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME). Attributes
are ids and words of ours: no phone number, no body, no address of a tenant's server, no text of an exception.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TypeVar, cast

Work = TypeVar("Work")
Told = Mapping[str, str | int]

_EXTRA = "QUIXESS_TRACES needs OpenTelemetry: pip install 'quixess[otel]'."
_tracing: "_Tracing | None" = None


class TracesError(Exception):
    """Traces are wanted and cannot be had; the text names the fix."""


class Span(Protocol):
    """What a span lets be told of it."""

    def set_attribute(self, key: str, value: str | int) -> Any:
        """Tell something."""

    def update_name(self, name: str) -> Any:
        """Name it again: what a request is for is known once it is routed."""


class _Silence:
    """A span that nobody sees."""

    def set_attribute(self, _key: str, _value: str | int) -> None:
        pass

    def update_name(self, _name: str) -> None:
        pass


class _Tracing:
    """OpenTelemetry, set up."""

    def __init__(self, version: str, exporter: Any | None) -> None:
        try:
            from opentelemetry import trace  # noqa: PLC0415 - an extra, and slow to load
            from opentelemetry.context import Context  # noqa: PLC0415
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor  # noqa: PLC0415
            from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
                TraceContextTextMapPropagator,
            )
        except ImportError as error:
            raise TracesError(_EXTRA) from error
        named = Resource.create({"service.version": version})
        if str(named.attributes["service.name"]).startswith("unknown_service"):  # nobody gave it a name
            named = named.merge(Resource({"service.name": "quixess"}))
        self.provider = TracerProvider(resource=named, shutdown_on_exit=False)
        if exporter is None:
            self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        else:
            self.provider.add_span_processor(SimpleSpanProcessor(exporter))
        self.tracer = self.provider.get_tracer("quixess", version)
        self.kinds = trace.SpanKind
        self.nowhere = Context()
        self.propagation = TraceContextTextMapPropagator()


def start(version: str, exporter: Any | None = None) -> None:
    """Begin to trace. Raises TracesError without the extra. `exporter` takes the spans of a test at once."""
    global _tracing  # noqa: PLW0603 - one process has one tracer, set by its wiring
    _tracing = _Tracing(version, exporter)


def stop() -> None:
    """Send what is left and trace no more. It may take as long as OTEL_EXPORTER_OTLP_TIMEOUT."""
    global _tracing
    tracing, _tracing = _tracing, None
    if tracing is not None:
        tracing.provider.shutdown()


def on() -> bool:
    """Tell whether anything is traced."""
    return _tracing is not None


_SILENT: AbstractContextManager[Span] = nullcontext(_Silence())


def serve(headers: Mapping[bytes, bytes]) -> AbstractContextManager[Span]:
    """Span a request that came with these headers; a `traceparent` among them (W3C) is its parent."""
    if _tracing is None:
        return _SILENT
    carrier = {name: headers.get(name.encode(), b"").decode("latin-1") for name in ("traceparent", "tracestate")}
    return _open("request", _tracing.kinds.SERVER, _tracing.propagation.extract(carrier, _tracing.nowhere), {})


def call(name: str) -> AbstractContextManager[Span]:
    """Span a question to somebody else, made for what is under way."""
    return _SILENT if _tracing is None else _open(name, _tracing.kinds.CLIENT, None, {})


def begin(name: str, tell: Callable[[Work], Told], work: Work) -> AbstractContextManager[Span]:
    """Span work that nobody waits for, with what `tell` says of it: the beginning of a trace.

    A batch is made for many, so what follows from it can stand in the trace of none of them.
    """
    return _SILENT if _tracing is None else _open(name, _tracing.kinds.PRODUCER, _tracing.nowhere, tell(work))


def headers() -> dict[str, str]:
    """Give the headers that let the receiver of a request go on with the trace; none where nothing is traced."""
    carrier: dict[str, str] = {}
    if _tracing is not None:
        _tracing.propagation.inject(carrier)
    return carrier


def _open(name: str, kind: Any, context: Any, told: Told) -> AbstractContextManager[Span]:
    assert _tracing is not None  # noqa: S101 - the caller has looked
    attributes = {f"quixess.{key}": value for key, value in told.items()}
    span = _tracing.tracer.start_as_current_span(
        name, context=context, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    )
    return cast("AbstractContextManager[Span]", span)
