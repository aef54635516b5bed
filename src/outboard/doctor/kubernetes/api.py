"""The API of a cluster, as a client with the caller's own rights sees it, by kr8s."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import yaml

from outboard.doctor.cluster_evidence import Unseen
from outboard.errors import CommandError

if TYPE_CHECKING:
    from httpx_ws import AsyncWebSocketSession
    from kr8s.asyncio import Api

__all__ = ["FORBIDDEN", "NOT_FOUND", "Access", "ApiRefused", "PodStream", "connect"]

FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
BUSY: Final = frozenset({429, 503})
"""The server asks to come again: it has just started, or has too much to do."""
TRIES: Final = 4
PAUSE: Final = 0.5
SECONDS: Final = 5.0
"""How long an answer is waited for."""


class ApiRefused(Exception):
    """An answer of the API that is no success: `status`, and the server's words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class PodStream(Protocol):
    """Messages to and from a pod."""

    async def send(self, message: bytes) -> None:
        """Raises ConnectionError where the other end has gone."""
        ...

    async def receive(self) -> bytes:
        """The next one; empty at the end."""
        ...


class _Session:
    """A WebSocket as a PodStream."""

    def __init__(self, session: AsyncWebSocketSession) -> None:
        self._session = session

    async def send(self, message: bytes) -> None:
        from httpx_ws import HTTPXWSException

        try:
            await self._session.send_bytes(message)
        except HTTPXWSException as error:
            raise ConnectionError("the connection was closed") from error

    async def receive(self) -> bytes:
        from httpx_ws import HTTPXWSException

        try:
            return await self._session.receive_bytes()
        except HTTPXWSException:  # that it ends is told by the empty message
            return b""


@dataclass
class Access:
    """Asks, and keeps in `unseen` what it was not let see, in `secrets` what nobody is to be shown."""

    api: Api
    unseen: list[Unseen] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    async def close(self) -> None:
        """Close its connections."""
        session = self.api._session  # kr8s keeps it, and has no way to close it
        if session is not None:
            await session.aclose()

    async def get(self, path: str, *, version: str = "v1", namespace: str = "", **query: str) -> Any:
        """The body of the answer, JSON or text. Raises ApiRefused, and OSError where there is none."""
        return await self._call("GET", path, version, namespace, params=query)

    async def post(self, path: str, body: Mapping[str, object], *, version: str) -> Any:
        """The answer to a review of rights, which changes nothing. Raises as `get`."""
        return await self._call("POST", path, version, "", json=body)

    async def items(
        self, what: str, path: str, *, version: str = "v1", namespace: str = ""
    ) -> list[dict[str, Any]] | None:
        """The objects of a list; None where they may not be seen, which is kept. Raises ApiRefused with 404
        where there is no such kind."""
        try:
            found: list[dict[str, Any]] = (await self.get(path, version=version, namespace=namespace))[
                "items"
            ]
        except ApiRefused as refused:
            if refused.status == NOT_FOUND:
                raise
            self.miss(what, refused, "list", path, namespace)
            return None
        return found

    @asynccontextmanager
    async def stream(self, pod: str, namespace: str, port: int) -> AsyncIterator[PodStream]:
        """A connection to a port of a pod, inside it, as `kubectl port-forward` makes one.

        Raises ApiRefused, and OSError where the server cannot be reached.
        """
        import httpx
        from httpx_ws import WebSocketUpgradeError
        from kr8s import APITimeoutError

        try:
            async with self.api.open_websocket(
                version="v1",
                namespace=namespace,
                url=f"pods/{pod}/portforward",
                params={"ports": str(port)},
                timeout=SECONDS,
            ) as session:
                yield _Session(session)
        except WebSocketUpgradeError as error:
            status = error.response.status_code
            words = "you may not create pods/portforward" if status == FORBIDDEN else f"HTTP {status}"
            raise ApiRefused(status, words) from error
        except (httpx.HTTPError, APITimeoutError) as error:
            raise ConnectionError(str(error) or type(error).__name__) from error

    def miss(self, what: str, why: ApiRefused, verb: str, resource: str, namespace: str) -> None:
        """Keep what could not be seen, once."""
        known = {(each.what, each.resource, each.namespace) for each in self.unseen}
        if (what, resource, namespace) not in known:
            forbidden = why.status == FORBIDDEN
            self.unseen.append(Unseen(what, str(why), verb, resource, namespace, forbidden=forbidden))

    async def _call(self, method: str, path: str, version: str, namespace: str, **options: Any) -> Any:
        for _ in range(TRIES - 1):
            try:
                return await self._call_once(method, path, version, namespace, **options)
            except ApiRefused as refused:
                if refused.status not in BUSY:
                    raise
            await asyncio.sleep(PAUSE)
        return await self._call_once(method, path, version, namespace, **options)

    async def _call_once(self, method: str, path: str, version: str, namespace: str, **options: Any) -> Any:
        import httpx
        from kr8s import APITimeoutError

        base = "" if version == "v1" else "/apis"
        try:
            async with self.api.call_api(
                method,
                version=version,
                base=base,
                namespace=namespace or None,
                url=path,
                raise_for_status=False,
                timeout=SECONDS,
                **options,
            ) as response:
                return _body(response)
        except (httpx.HTTPError, APITimeoutError) as error:
            raise ConnectionError(str(error) or type(error).__name__) from error


def _body(response: Any) -> Any:
    is_json = response.headers.get("content-type", "").startswith("application/json")
    body = response.json() if is_json else response.text
    if response.is_error:
        words = body.get("message", "") if isinstance(body, dict) else str(body)
        raise ApiRefused(response.status_code, words.strip() or f"HTTP {response.status_code}")
    return body


async def connect(kubeconfig: Path | None, context: str) -> Access:
    """By the kubeconfig (default: as kubectl finds it). Raises CommandError where there is none that fits, or
    kr8s is not installed; OSError where the cluster cannot be reached."""
    try:
        import httpx
        from kr8s import APITimeoutError, ServerError
        from kr8s.asyncio import api
    except ImportError as error:
        raise CommandError(
            "--namespace needs a client of Kubernetes", "Install it: pip install 'outboard[kubernetes]'"
        ) from error
    file = str(kubeconfig) if kubeconfig else os.environ.get("KUBECONFIG")
    try:
        return Access(await api(kubeconfig=file, context=context or None))
    except (httpx.HTTPError, APITimeoutError) as error:
        raise ConnectionError(str(error) or type(error).__name__) from error
    except ServerError as error:
        raise ConnectionError(str(error)) from error
    except (yaml.YAMLError, TypeError, AttributeError, IndexError) as error:  # kr8s does not look at its form
        raise CommandError(
            f"the kubeconfig cannot be read: {' '.join(str(error).split())}",
            "See `kubectl config view`, and name --kubeconfig.",
        ) from error
    except (ValueError, KeyError) as error:
        raise CommandError(
            f"no cluster is named by the kubeconfig: {error}",
            "See `kubectl config get-contexts`, and name --context or --kubeconfig.",
        ) from error
