"""Spans to an OpenTelemetry collector, as OTLP over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from honk import __version__
from honk.telemetry.traces import Span

SECONDS = 10.0
"""For one export, its retries included. A run's end must not wait longer for a collector."""


def export(spans: Sequence[Span], *, url: str, headers: Mapping[str, str], service: str) -> bool:
    """Send them to ``url`` (of the traces signal); whether they arrived."""
    resource = Resource({"service.name": service, "service.version": __version__})
    exporter = OTLPSpanExporter(endpoint=url, headers=dict(headers), timeout=SECONDS)
    try:
        return exporter.export([_readable(span, resource) for span in spans]) is SpanExportResult.SUCCESS
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]


def _readable(span: Span, resource: Resource) -> ReadableSpan:
    def context(id: int) -> SpanContext:
        return SpanContext(span.trace, id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    return ReadableSpan(
        name=span.name,
        context=context(span.id),
        parent=None if span.parent is None else context(span.parent),
        resource=resource,
        attributes=dict(span.attributes),
        kind=SpanKind.CLIENT if span.remote else SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
        start_time=span.start,
        end_time=span.end,
        instrumentation_scope=InstrumentationScope("honk", __version__),
    )
