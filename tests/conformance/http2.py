"""The same questions over HTTP/2 without TLS, by prior knowledge and by an upgrade."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from h2.exceptions import ProtocolError

from conformance.http1 import LOOPBACK, PATIENCE, Answer, Gone
from support.http2_client import Taken, http2_client, upgraded

__all__ = ["by_prior_knowledge", "by_upgrade"]

OF_CONNECTION = {"connection", "transfer-encoding", "host"}


async def by_prior_knowledge(
    port: int, method: str, target: str, body: bytes, headers: Mapping[str, str], host: str = LOOPBACK
) -> Answer | Gone:
    """As `http1.exchange`."""
    told = _told(headers, body, method)
    try:
        async with asyncio.timeout(PATIENCE), http2_client(port, host=host) as client:
            authority = _host(headers, port)
            return _answer(await client.whole(method, target, told, body, authority))
    except (OSError, EOFError, TimeoutError, ProtocolError):
        return Gone()


async def by_upgrade(
    port: int, method: str, target: str, body: bytes, headers: Mapping[str, str], host: str = LOOPBACK
) -> Answer | Gone:
    """As `http1.exchange`."""
    lines = [f"{method} {target} HTTP/1.1", f"host: {_host(headers, port)}"]
    lines += [f"{name}: {value}" for name, value in _told(headers, body, method)]
    try:
        async with asyncio.timeout(PATIENCE):
            head = "\r\n".join(lines).encode("latin-1")
            async with upgraded(port, head, body, host) as (client, told):
                if client is None:
                    return _of_http1(told)
                return _answer(await client.over(1))
    except (OSError, EOFError, TimeoutError, ProtocolError):
        return Gone()


def _host(headers: Mapping[str, str], port: int) -> str:
    own = {name.lower(): value for name, value in headers.items()}
    return own.get("host", f"127.0.0.1:{port}")


def _told(headers: Mapping[str, str], body: bytes, method: str) -> list[tuple[str, str]]:
    told = [(name.lower(), value) for name, value in headers.items() if name.lower() not in OF_CONNECTION]
    if body or method in {"POST", "PUT", "PATCH"}:
        told.append(("content-length", str(len(body))))
    return told


def _of_http1(told: bytes) -> Answer:
    """All that came before the connection was closed."""
    head, _, body = told.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = [line.partition(": ") for line in lines]
    return Answer(int(status.split(" ")[1]), tuple((name.lower(), value) for name, _, value in headers), body)


def _answer(taken: Taken) -> Answer | Gone:
    return Answer(taken.status, tuple(taken.headers), taken.body) if taken.status else Gone()
