"""Writes to a state store that ask for an ETag, and one that comes before them.

Source: Dapr, "State management API reference".
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, unquote

from outboard.testing.traffic import GoOn, Passing
from outboard.wire.dapr import STATE_PATH
from outboard.wire.http import NO_HEADERS, Request

__all__ = ["keys_with_etag", "rewrite"]

WRITES: Final = ("POST", "PUT")


def keys_with_etag(request: Request) -> list[str]:
    """The keys that the request saves or deletes if their ETag is still the one that it names."""
    path = request.target.partition("?")[0]
    if not path.startswith(f"{STATE_PATH}/"):
        return []
    _, _, rest = path[len(STATE_PATH) + 1 :].partition("/")
    if request.method == "DELETE" and request.headers.get("if-match"):
        return [unquote(rest)]
    if request.method not in WRITES or rest not in ("", "transaction"):
        return []
    body: Any = json.loads(request.body)
    items = [each["request"] for each in body["operations"]] if rest else body
    return [str(item["key"]) for item in items if item.get("etag")]


async def rewrite(passing: Passing, keys: list[str], go_on: GoOn) -> None:
    """Save each of `keys` with the value that it has, so that it has another ETag."""
    store = passing.request.target[len(STATE_PATH) + 1 :].partition("?")[0].partition("/")[0]
    headers = {name: text for name, text in passing.request.headers.items() if name != "if-match"}
    for key in keys:
        read = Request("GET", f"{STATE_PATH}/{store}/{quote(key, safe='')}", headers or NO_HEADERS)
        found = await go_on(replace(passing, request=read))
        if found.status != 200:
            continue
        body = json.dumps([{"key": key, "value": json.loads(found.body)}]).encode()
        save = Request("POST", f"{STATE_PATH}/{store}", {**headers, "content-type": "application/json"}, body)
        answer = await go_on(replace(passing, request=save))
        assert answer.ok, answer
