"""Dapr's HTTPEndpoint resource (`dapr.io/v1alpha1`) as a frozen value: a name for what has no sidecar.

Source: Dapr, "HTTPEndpoint spec".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from outboard.resources.component import MetadataItem, item_of
from outboard.resources.node import Node

__all__ = ["TLS_KEYS", "HttpEndpoint", "parse"]

TLS_KEYS: Final = ("rootCA", "certificate", "privateKey")


@dataclass(frozen=True, slots=True)
class HttpEndpoint:
    """`headers` go with each call, `tls` are texts in PEM by TLS_KEYS; each is a value or where it is."""

    name: str
    base_url: str
    headers: tuple[MetadataItem, ...] = ()
    tls: tuple[MetadataItem, ...] = ()
    secret_store: str = ""
    scopes: tuple[str, ...] = ()
    path: Path = Path("(built in)")
    line: int = 0


def parse(document: Node) -> HttpEndpoint:
    """The endpoint in `document`, whose apiVersion and kind are right. Raises ResourceError."""
    metadata = document.require("metadata", "Add `metadata:` with the endpoint's `name:`.")
    name = metadata.require("name", "Add `name:`: apps call the endpoint by it.").as_string()
    spec = document.require("spec", "Add `spec:` with the endpoint's `baseUrl:`.")
    auth = document.mapping("auth")
    return HttpEndpoint(
        name,
        _base_url(spec.require("baseUrl", "Add `baseUrl:`, for instance `https://example.com`.")),
        tuple(item_of(node) for node in spec.sequence("headers")),
        tuple(_tls(spec.mapping("clientTLS"))),
        "" if auth is None else auth.string("secretStore"),
        document.strings("scopes"),
        document.path,
        document.line,
    )


def _base_url(node: Node) -> str:
    url = node.as_string()
    if not url.startswith(("http://", "https://")):
        raise node.error(f"`baseUrl: {url}` is no URL", "Begin it with `http://` or `https://`.")
    return url.rstrip("/")


def _tls(node: Node | None) -> Iterator[MetadataItem]:
    for key in TLS_KEYS:
        found = None if node is None else node.mapping(key)
        if found is not None:
            yield item_of(found, key)
