"""Spans as a person reads them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from outboard.dashboard.otlp.span import ReceivedSpan
from outboard.dashboard.views.event_spans import SpanNode, SpansOfEvents

__all__ = ["SpanItem", "span_items", "span_text"]

DEEPEST = 24
"""How deep a tree is drawn: what is below stands at that depth."""


class SpanItem(NamedTuple):
    """A span of a conversation; `own`: it belongs to the event that is shown, and else to `event_id`."""

    service: str
    text: str
    failed: bool
    event_id: str
    own: bool
    attributes: Sequence[tuple[str, str]]
    children: Sequence[SpanItem]


def span_items(joined: SpansOfEvents, event_id: str, mask: Callable[[str], str]) -> list[SpanItem]:
    """All spans of a conversation, as trees. `mask` hides what is secret."""
    return [item for node in joined.tree for item in _items(node, event_id, mask, 0)]


def span_text(span: ReceivedSpan, mask: Callable[[str], str]) -> tuple[str, list[tuple[str, str]]]:
    """What a span says in a line, and its attributes."""
    kind = f" ({span.kind})" if span.kind else ""
    status = f": {span.status}" if span.status else ": failed" if span.failed else ""
    text = mask(f"{span.name}{kind}, {_took(span.duration)}{status}")
    return text, [(mask(name), mask(value)) for name, value in span.attributes]


def _items(node: SpanNode, event_id: str, mask: Callable[[str], str], depth: int) -> list[SpanItem]:
    """One, or where it is too deep to be drawn all of its tree beside each other."""
    text, attributes = span_text(node.span, mask)
    own = bool(node.event_id) and node.event_id == event_id
    item = SpanItem(node.span.service, text, node.span.failed, node.event_id, own, attributes, ())
    if depth < DEEPEST:
        below = [each for child in node.children for each in _items(child, event_id, mask, depth + 1)]
        return [item._replace(children=below)]
    flat, waiting = [item], list(reversed(node.children))
    while waiting:
        child = waiting.pop()
        flat += _items(child._replace(children=()), event_id, mask, depth)
        waiting += reversed(child.children)
    return flat


def _took(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"
