"""Dapr's HTTP API, from operations to requests. Pure.

Source: Dapr, "Pub/sub API reference" and "State management API reference".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote

from pydantic_core import to_json

from outboard.kit.client.port import Publication, StateDelete, StateRead, StateSave
from outboard.kit.names import path_segment
from outboard.wire.cloudevents import STRUCTURED_CONTENT_TYPE
from outboard.wire.dapr import API_TOKEN_HEADER, METADATA_QUERY_PREFIX, PUBLISH_PATH, STATE_PATH
from outboard.wire.http import Request

__all__ = ["authorized", "delete", "get", "get_many", "publish", "publish_bulk", "save", "transact"]

JSON_HEADERS = {"content-type": "application/json"}
ENTRY = b',"contentType":"' + STRUCTURED_CONTENT_TYPE.encode("ascii") + b'","event":'


def authorized(request: Request, token: str) -> Request:
    """The same request with Dapr's API token, where there is one."""
    return request._replace(headers={**request.headers, API_TOKEN_HEADER: token}) if token else request


def publish(publication: Publication) -> Request:
    """POST /v1.0/publish/{pubsub}/{topic}"""
    path = _topic_path(PUBLISH_PATH, publication.pubsub, publication.topic)
    headers = {**publication.headers, "content-type": STRUCTURED_CONTENT_TYPE}
    return Request("POST", path + _query(publication.metadata), headers, publication.body)


def publish_bulk(prefix: str, publications: Sequence[Publication]) -> Request:
    """POST {prefix}/{pubsub}/{topic}; the id of an entry is its position, written in decimal.

    All are of the topic of the first.
    """
    first = publications[0]
    path = _topic_path(prefix, first.pubsub, first.topic)
    entries = b",".join([_entry(*numbered) for numbered in enumerate(publications)])
    return Request("POST", path, JSON_HEADERS, b"[" + entries + b"]")


def get(store: str, key: str, read: StateRead) -> Request:
    """GET /v1.0/state/{store}/{key}"""
    options = {"consistency": read.consistency}
    return Request("GET", f"{_store_path(store)}/{path_segment(key)}{_query(read.metadata, options)}")


def get_many(store: str, keys: Sequence[str], read: StateRead) -> Request:
    """POST /v1.0/state/{store}/bulk"""
    target = f"{_store_path(store)}/bulk{_query(read.metadata, {'consistency': read.consistency})}"
    return Request("POST", target, JSON_HEADERS, to_json({"keys": list(keys)}))


def save(store: str, saves: Sequence[StateSave]) -> Request:
    """POST /v1.0/state/{store}"""
    return Request("POST", _store_path(store), JSON_HEADERS, b"[" + b",".join(map(_saved, saves)) + b"]")


def delete(store: str, item: StateDelete) -> Request:
    """DELETE /v1.0/state/{store}/{key}, the ETag in If-Match"""
    options = {"concurrency": item.concurrency, "consistency": item.consistency}
    target = f"{_store_path(store)}/{path_segment(item.key)}{_query(item.metadata, options)}"
    return Request("DELETE", target, {"if-match": item.etag} if item.etag else {})


def transact(store: str, operations: Sequence[StateSave | StateDelete]) -> Request:
    """POST /v1.0/state/{store}/transaction"""
    parts = [
        b'{"operation":"upsert","request":' + _saved(item) + b"}"
        if isinstance(item, StateSave)
        else b'{"operation":"delete","request":' + to_json(_attributes(item)) + b"}"
        for item in operations
    ]
    body = b'{"operations":[' + b",".join(parts) + b"]}"
    return Request("POST", f"{_store_path(store)}/transaction", JSON_HEADERS, body)


def _entry(position: int, publication: Publication) -> bytes:
    # The event is JSON text already: what is to be said of it is written around it.
    event = publication.body
    if publication.traceid:
        event = b'{"traceid":' + to_json(publication.traceid) + b"," + event[1:]
    metadata = b',"metadata":' + to_json(publication.metadata) if publication.metadata else b""
    return b'{"entryId":"%d"' % position + ENTRY + event + metadata + b"}"


@lru_cache(maxsize=256)
def _topic_path(prefix: str, pubsub: str, topic: str) -> str:
    return f"{prefix}/{path_segment(pubsub)}/{path_segment(topic)}"


def _store_path(store: str) -> str:
    return f"{STATE_PATH}/{path_segment(store)}"


def _query(metadata: Mapping[str, str], options: Mapping[str, str | None] | None = None) -> str:
    pairs = [f"{name}={quote(value, safe='')}" for name, value in (options or {}).items() if value]
    pairs += [f"{_metadata_name(name)}={quote(value, safe='')}" for name, value in metadata.items()]
    return "?" + "&".join(pairs) if pairs else ""


@lru_cache(maxsize=256)
def _metadata_name(name: str) -> str:
    return METADATA_QUERY_PREFIX + quote(name, safe="")


def _saved(item: StateSave) -> bytes:
    # The value is JSON text already, and is not parsed again only to be written once more.
    return to_json(_attributes(item))[:-1] + b',"value":' + item.value + b"}"


def _attributes(item: StateSave | StateDelete) -> dict[str, object]:
    attributes: dict[str, object] = {"key": item.key}
    if item.etag:
        attributes["etag"] = item.etag
    if item.metadata:
        attributes["metadata"] = dict(item.metadata)
    options = {"concurrency": item.concurrency, "consistency": item.consistency}
    if given := {name: value for name, value in options.items() if value}:
        attributes["options"] = given
    return attributes
