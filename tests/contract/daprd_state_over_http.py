"""daprd's own state stores behind the port of ours: a real daprd process, asked over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from contract.daprd_over_http import NAME
from outboard.sidecar.components.port import (
    ComponentError,
    Delete,
    EtagInvalidError,
    EtagMismatchError,
    Found,
    Set,
    StateTraits,
)

__all__ = ["DaprdState"]

MISMATCH = "possible etag mismatch. error from state store"
INVALID = "invalid etag value"


class DaprdState:
    """A state store of the daprd that `client` asks. `prefix` keeps the keys of its user apart from others'.

    daprd puts the app's id and `||` before a key, and refuses one that has `||` in it: of the keys that come
    here it is left out.
    """

    def __init__(self, client: httpx.AsyncClient, prefix: str) -> None:
        self.traits = StateTraits()
        self._client = client
        self._prefix = prefix
        self._path = f"/v1.0/state/{NAME}"

    async def get(self, keys: Sequence[str]) -> Mapping[str, Found]:
        if len(keys) == 1:
            return await self._get(keys[0])
        body = {"keys": [self._key(key) for key in keys]}
        answer = _checked(await self._client.post(f"{self._path}/bulk", json=body))
        entries = {entry["key"]: entry for entry in answer.json()}
        return {key: _entry(entries[self._key(key)]) for key in keys if "data" in entries[self._key(key)]}

    async def set(self, operation: Set) -> None:
        _checked(await self._client.post(self._path, content=json.dumps([self._upsert(operation)])))

    async def delete(self, operation: Delete) -> None:
        options = {"concurrency": operation.options.concurrency, "consistency": operation.options.consistency}
        headers = {} if operation.etag is None else {"if-match": operation.etag}
        url = self._url(operation.key)
        _checked(await self._client.delete(url, params={**options, **_metadata(operation)}, headers=headers))

    async def transact(self, operations: Sequence[Set | Delete]) -> None:
        asked = [
            {"operation": "upsert", "request": self._upsert(each)}
            if isinstance(each, Set)
            else {"operation": "delete", "request": self._request(each)}
            for each in operations
        ]
        body = json.dumps({"operations": asked})
        _checked(await self._client.post(f"{self._path}/transaction", content=body))

    async def close(self) -> None:
        await self._client.aclose()

    async def _get(self, key: str) -> Mapping[str, Found]:
        answer = _checked(await self._client.get(self._url(key)))
        if answer.status_code == 204:
            return {}
        expires = answer.headers.get("metadata.ttlExpireTime")
        return {key: Found(answer.content, answer.headers.get("etag"), _time(expires))}

    def _key(self, key: str) -> str:
        return self._prefix + key.replace("||", "-")

    def _url(self, key: str) -> str:
        return f"{self._path}/{quote(self._key(key), safe='')}"

    def _upsert(self, operation: Set) -> dict[str, Any]:
        return {**self._request(operation), "value": operation.value}

    def _request(self, operation: Set | Delete) -> dict[str, Any]:
        options = {"concurrency": operation.options.concurrency, "consistency": operation.options.consistency}
        etag = {} if operation.etag is None else {"etag": operation.etag}
        return {
            "key": self._key(operation.key),
            "metadata": dict(operation.metadata),
            "options": options,
            **etag,
        }


def _metadata(operation: Delete) -> dict[str, str]:
    return {f"metadata.{name}": value for name, value in operation.metadata.items()}


def _entry(entry: Mapping[str, Any]) -> Found:
    data = json.dumps(entry["data"], separators=(",", ":"), ensure_ascii=False).encode()
    return Found(data, entry.get("etag"), _time(entry.get("metadata", {}).get("ttlExpireTime")))


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _checked(answer: httpx.Response) -> httpx.Response:
    """Raises ComponentError with what the component said, without what the API says before that."""
    if answer.is_success:
        return answer
    message = answer.json()["message"]
    for said, error in ((MISMATCH, EtagMismatchError), (INVALID, EtagInvalidError)):
        if said in message:
            raise error(message[message.index(said) :])
    raise ComponentError(message)
