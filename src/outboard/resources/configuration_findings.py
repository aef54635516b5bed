"""What a person should know of a Configuration file: what is ignored in it, and what has no effect here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from outboard.resources import shape
from outboard.resources.call_settings import about_access
from outboard.resources.configuration_fields import field_at
from outboard.resources.finding import Finding
from outboard.resources.metrics_settings import HTTP_READ, METRICS, METRICS_READ
from outboard.resources.node import Node, near

__all__ = ["UNSERVED", "configuration_findings"]

UNSERVED: Final = {
    "appHttpPipeline": "middleware",
    "httpPipeline": "middleware",
    "mtls": "mTLS",
    "tracing": "the export of traces",
    "wasm": "WebAssembly components",
    "workflow": "workflows",
}
"""The settings for parts that this sidecar does not serve."""


def configuration_findings(documents: Sequence[Node]) -> Iterator[Finding]:
    """About all `documents` of one file; the first of them is read."""
    for other in documents[1:]:
        yield _finding(other, "not read: only the first document of a Configuration file is")
    kind = documents[0].string("kind")
    if kind != "Configuration":
        yield _finding(documents[0], f"read as a Configuration, but its kind is `{kind}`")
    for node, keys in shape.unknown_keys(documents[0], shape.CONFIGURATION, fold_case=False):
        yield _finding(node, f"unknown key `{node.key}` is ignored", near(node.key, keys))
    spec = field_at(documents[0], "spec")
    for node in () if spec is None else spec.fields().values():
        if node.key in UNSERVED:
            part = UNSERVED[node.key]
            yield _finding(node, f"`{node.key}` has no effect: this sidecar does not serve {part}")
        if node.key == "accessControl":
            yield from about_access(node)
        if node.key in METRICS:
            yield from _about_metrics(node)


def _about_metrics(node: Node) -> Iterator[Finding]:
    http = field_at(node, "http")
    unread = [each for each in node.fields().values() if each.key not in METRICS_READ]
    unread += [] if http is None else [each for each in http.fields().values() if each.key != HTTP_READ]
    for each in unread:
        yield _finding(each, f"`{each.key}` has no effect: this sidecar tells its metrics as they are")


def _finding(node: Node, problem: str, advice: str = "") -> Finding:
    return Finding(str(node.path), node.key_line or node.line, problem, advice)
