"""One look around this machine: everything at once, within three seconds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from outboard.clock import Clock
from outboard.doctor.evidence import (
    AppSeen,
    BrokerSeen,
    Evidence,
    HttpAnswer,
    OutboxSeen,
    RouteSeen,
    RunSeen,
    SidecarSeen,
    SubscriptionSeen,
)
from outboard.doctor.grpc_app import AppOverGrpc, over_grpc
from outboard.doctor.laptop.asking import ask
from outboard.doctor.laptop.brokers import look_at_broker, wanted_brokers
from outboard.doctor.laptop.canaries import send_canaries
from outboard.doctor.laptop.files import FilesSeen, read_files
from outboard.doctor.laptop.local_app import LocalApp
from outboard.doctor.laptop.logs import app_lines, recorded_hops, sidecar_lines
from outboard.doctor.laptop.outboxes import look_at_outboxes, password_of
from outboard.doctor.laptop.processes import OpenPorts, environment_of, process_of
from outboard.doctor.laptop.secrets import secrets_of
from outboard.doctor.masking import masked
from outboard.doctor.reading import answer_of, metadata_in, subscriptions_in
from outboard.host.listening import is_listening
from outboard.sidecar.channel.protocols import GRPC_PROTOCOLS, H2C
from outboard.sidecar.grpc_library import is_grpc_installed
from outboard.sidecar.http2_library import is_h2_installed
from outboard.wire.dapr import HEALTH_PATH, METADATA_PATH, OUTBOUND_HEALTH_PATH, SUBSCRIBE_PATH

__all__ = ["Laptop"]

T = TypeVar("T")

MOST_ROUTES: Final = 50
EXTRAS: Final = {**dict.fromkeys(GRPC_PROTOCOLS, "grpc"), H2C: "h2c"}
"""By protocol, what is needed to ask an app that speaks it."""


@dataclass(frozen=True, slots=True)
class Laptop:
    """Looks at `targets`, which are those of `run` where there is one; `hops` is the record of its events,
    `outboxes` are URLs of databases.
    """

    where: str
    targets: Sequence[LocalApp]
    clock: Clock
    run: RunSeen | None = None
    hops: Path | None = None
    outboxes: Sequence[str] = ()

    async def __call__(self) -> Evidence:
        seen = Evidence(self.where, self.clock.now(), ())
        async for more in self.as_it_goes():
            seen = more
        return seen

    async def as_it_goes(self) -> AsyncIterator[Evidence]:
        """What was seen so far, the last time all of it: the run, apps and their sidecars, and then brokers,
        the record of events and outboxes as each of them comes.
        """
        if self.run is not None and self.run.state != "live":
            apps = tuple(_past(target) for target in self.targets)
            seen = Evidence(self.where, self.clock.now(), apps, self.run, outboxes=await self._outboxes())
            yield await self._masked(seen)
            return
        seen = Evidence(self.where, self.clock.now(), (), self.run)
        yield await self._masked(seen)
        ports = await asyncio.to_thread(OpenPorts)
        outboxes = asyncio.ensure_future(self._outboxes())
        looking: set[asyncio.Future[Any]] = {outboxes}
        try:
            looks = await asyncio.gather(*(_app(target, ports) for target in self.targets))
            seen = Evidence(self.where, self.clock.now(), tuple(app for app, _, _ in looks), self.run)
            yield await self._masked(seen)
            brokers = asyncio.gather(*(_brokers(app.app_id, files, wanted) for app, files, wanted in looks))
            record = asyncio.ensure_future(asyncio.to_thread(recorded_hops, self.hops))
            looking = {brokers, record, outboxes}
            while looking:
                _, looking = await asyncio.wait(looking, return_when=asyncio.FIRST_COMPLETED)
                if brokers.done():
                    found = tuple(broker for each in brokers.result() for broker in each)
                    seen = replace(seen, brokers=found)
                if record.done():
                    hops, published = record.result()
                    seen = replace(seen, hops=hops, published=published)
                if outboxes.done():
                    seen = replace(seen, outboxes=outboxes.result())
                yield await self._masked(seen)
        finally:
            for each in looking:
                each.cancel()

    async def canaries(self, seen: Evidence) -> Evidence:
        canaries = await send_canaries(seen, self.targets, self.clock)
        return replace(seen, canaries=await self._masked(canaries))

    async def _outboxes(self) -> tuple[OutboxSeen, ...]:
        found = await asyncio.gather(*map(look_at_outboxes, self.outboxes))
        return tuple(each for outboxes in found for each in outboxes)

    async def _masked(self, seen: T) -> T:
        passwords = {found for url in self.outboxes if (found := password_of(url))}
        return masked(seen, await secrets_of(self.targets) | passwords)


def _past(target: LocalApp) -> AppSeen:
    """An app of a run that has ended: its last words."""
    app = target.app
    return AppSeen(
        app.app_id,
        app.app_port,
        app.http_port,
        log=sidecar_lines(target.log),
        app_log=app_lines(target.app_log),
    )


async def _app(target: LocalApp, ports: OpenPorts) -> tuple[AppSeen, FilesSeen, Sequence[SubscriptionSeen]]:
    """What is seen of it; its files, and what it subscribes to, by which brokers are looked at."""
    environment = {**os.environ, **environment_of(target)}
    app = await _app_itself(target, ports)  # before the sidecar is asked: does the app ask it?
    files, sidecar = await asyncio.gather(
        asyncio.to_thread(read_files, target, environment), _sidecar(target, ports)
    )
    app = replace(app, sidecar=sidecar, in_files=files.subscriptions)
    wanted = app.wanted or (sidecar.metadata.subscriptions if sidecar.metadata else ())
    may_be_asked = app.listening and not app.unasked
    health, routes = await asyncio.gather(
        _health(target, sidecar if may_be_asked else SidecarSeen()),
        _routes(target, wanted if may_be_asked and not app.over_grpc else ()),
    )
    app = replace(
        app,
        declared=files.declared(wanted, app.app_id),
        missing=files.missing,
        file_problems=files.problems,
        health=health,
        routes=routes,
        log=sidecar_lines(target.log),
        app_log=app_lines(target.app_log),
    )
    return app, files, wanted


async def _app_itself(target: LocalApp, ports: OpenPorts) -> AppSeen:
    """Its process, its port, and what it says that it subscribes to."""
    app = target.app
    process, listening = await asyncio.gather(
        asyncio.to_thread(process_of, target, ports), _listens(app.app_host, app.app_port)
    )
    owner, phrase = ports.owner(app.app_port) if app.app_port else (0, "")
    seen = AppSeen(
        app.app_id,
        app.app_port,
        app.http_port,
        app_address=target.app_url,
        sidecar_address=target.sidecar_url,
        attached=app.attached,
        listening=listening,
        port_owner=phrase or "another process",
        owner_pid=owner,
        process=process,
        engine=target.engine,
        read_at=target.read_at,
        log_path=str(target.log or ""),
        needs_app_token=bool(target.app_token),
        needs_api_token=bool(target.api_token),
    )
    if not app.app_port:
        return replace(seen, found_at=await _found_at(target, process.ports))
    if unasked := _unasked(app.app_protocol):
        return replace(seen, unasked=unasked)
    if app.app_protocol in GRPC_PROTOCOLS:
        where = AppOverGrpc(app.app_protocol, app.app_host, app.app_port, target.app_token)
        return await over_grpc(replace(seen, over_grpc=True), where) if listening else seen
    if not listening:
        return seen
    response = await ask(target.app_url, SUBSCRIBE_PATH, token=target.app_token, app_id=app.app_id)
    answer = answer_of(response)
    if isinstance(response, str) or not response.ok:
        return replace(seen, subscribe=answer)
    subscribed, problem = subscriptions_in(response.body)
    return replace(seen, subscribe=answer, subscribed=subscribed, subscribe_problem=problem)


def _unasked(protocol: str) -> str:
    """Why an app that speaks `protocol` cannot be asked here; empty where it can."""
    extra = EXTRAS.get(protocol)
    if extra is None or (is_h2_installed() if extra == "h2c" else is_grpc_installed()):
        return ""
    return f"it speaks {protocol}, which takes `pip install 'outboard[{extra}]'` to ask"


async def _listens(host: str, port: int) -> bool | None:
    return await is_listening(host, port) if port else None


async def _found_at(target: LocalApp, ports: Sequence[int]) -> int:
    """The port at which the app, which has no app port, says that it subscribes to something."""
    for port in ports:
        if port in {target.app.http_port, target.app.grpc_port}:
            continue
        response = await ask(f"http://127.0.0.1:{port}", SUBSCRIBE_PATH, token=target.app_token)
        if not isinstance(response, str) and response.ok and subscriptions_in(response.body)[0]:
            return port
    return 0


async def _sidecar(target: LocalApp, ports: OpenPorts) -> SidecarSeen:
    url, token = target.sidecar_url, target.api_token
    health, outbound, metadata, without_token = await asyncio.gather(
        ask(url, HEALTH_PATH),
        ask(url, OUTBOUND_HEALTH_PATH),
        ask(url, METADATA_PATH, token=token),
        ask(url, METADATA_PATH),
    )
    told = None if isinstance(metadata, str) or not metadata.ok else metadata_in(metadata.body)
    open_to_all = not isinstance(without_token, str) and without_token.ok
    answer = answer_of(metadata)
    if told is not None:
        answer = HttpAnswer(answer.status)  # the metadata themselves are in `metadata`
    return SidecarSeen(
        answer_of(health),
        answer_of(outbound),
        answer,
        told,
        ports.owner(target.app.http_port)[1],
        ports.exposed(target.app.http_port) if open_to_all else "",
    )


async def _health(target: LocalApp, sidecar: SidecarSeen) -> HttpAnswer | None:
    """What the app answers to the probe of its sidecar, where that probes it."""
    path = sidecar.metadata.health_path if sidecar.metadata else ""
    return answer_of(await ask(target.app_url, _path(path))) if path else None


async def _routes(target: LocalApp, wanted: Sequence[SubscriptionSeen]) -> tuple[RouteSeen, ...]:
    paths = list(dict.fromkeys(path for each in wanted for _, path in each.rules))[:MOST_ROUTES]
    answers = await asyncio.gather(
        *(ask(target.app_url, _path(path), method="OPTIONS", token=target.app_token) for path in paths)
    )
    return tuple(
        RouteSeen(_path(path), answer_of(answer)) for path, answer in zip(paths, answers, strict=True)
    )


def _path(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


async def _brokers(app_id: str, files: FilesSeen, wanted: Sequence[SubscriptionSeen]) -> list[BrokerSeen]:
    found = wanted_brokers(files, wanted)
    return await asyncio.gather(
        *(look_at_broker(app_id, files, component, topics) for component, topics in found)
    )
