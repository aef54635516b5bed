"""What the apps of a run take, told once it is known, and what is published that none of them takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from outboard.hops.takers import Taker, nearest
from outboard.resources.changes import ResourceChange
from outboard.run.app_instance import AppInstance
from outboard.run.output.events import (
    AppEndpoint,
    Caution,
    Ready,
    Reloaded,
    Report,
    TakenResource,
    Topology,
    Untaken,
)
from outboard.run.plan.plan import AppPlan
from outboard.run.sidecars.port import Published, SidecarStatus
from outboard.wire.deadletters import default_topic

__all__ = ["Announcement", "tell_untaken"]

SCHEMES = frozenset({"https", "grpc", "grpcs"})
MOST = 100
"""Topics without a taker that are told of: names that are made for each event would never end."""


class Announcement:
    """What is to be told of `apps`, a list that may change: all at first, and again what begins anew."""

    def __init__(self, apps: Sequence[AppInstance], report: Report) -> None:
        self._apps = apps
        self._report = report
        self._untold = {app.plan.app_id for app in apps}
        self.ready = asyncio.Event()
        """Whether `ready` was told."""
        self._taken: list[TakenResource] = []
        self.is_due = True
        """Whether something has changed that is not told yet."""

    def changes(self) -> None:
        """An app ends, or begins."""
        self.is_due = True

    def begins_anew(self, app_id: str) -> None:
        self.is_due = True
        self._untold.add(app_id)

    def has_taken(self, app_id: str, changes: Iterable[ResourceChange]) -> None:
        """The sidecar of the app has taken them, and its topology is another one."""
        self.begins_anew(app_id)
        self._taken += [TakenResource(app_id, each.kind, each.name, each.verb.lower()) for each in changes]

    async def tell(self) -> None:
        """Say so once every app that is started here gets its events; what gets none stands last.

        An app that is waited for, or that is not well yet, follows. May be cancelled, and called again.
        """
        if self.is_due:
            await self._tell_due()
        while later := [app.status.topology for app in self._of_untold()]:
            await asyncio.wait(later, return_when=asyncio.FIRST_COMPLETED)
            for topology in self._tell_topologies(self._of_untold()):
                self._tell_problems(topology)

    async def _tell_due(self) -> None:
        apps = self._of_untold()
        for app in apps:
            if not app.plan.attached:
                await app.status.ready.wait()
        known = self._tell_topologies(apps)
        missing = sum(len(topology.not_taken) for topology in known)
        self.is_due = False
        if self.ready.is_set():
            begun = [app.plan.app_id for app in apps if app.status.ready.is_set()]
            taken, self._taken = tuple(self._taken), []
            self._report(Reloaded(tuple(begun), missing, taken))
        else:
            self._report(Ready(tuple(_endpoint(app.plan) for app in apps), missing))
            self.ready.set()
        for topology in known:
            self._tell_problems(topology)

    def _of_untold(self) -> list[AppInstance]:
        return [app for app in self._apps if app.plan.app_id in self._untold]

    def _tell_topologies(self, apps: Iterable[AppInstance]) -> list[Topology]:
        """Those that are known."""
        known = [app.status.topology.result() for app in apps if app.status.topology.done()]
        for topology in known:
            self._untold.discard(topology.app)
            self._report(topology)
        return known

    def _tell_problems(self, topology: Topology) -> None:
        """What the app does not get: the last lines, so that they are seen."""
        for each in topology.not_taken:
            self._report(Caution(f"{topology.app} does not get its events: {each.problem}"))


async def tell_untaken(
    statuses: Callable[[], Sequence[SidecarStatus]], published: asyncio.Queue[Published], report: Report
) -> None:
    """Tell of each topic that is `published` to, and that no app takes, once. Runs until cancelled.

    Begins when it is known of each app what it takes: one that is waited for may be the one that does.
    """
    told: set[tuple[str, str]] = set()
    while len(told) < MOST:
        first = await published.get()
        topologies = await _topologies(statuses)
        takers = [Taker(each.app, taken.pubsub, taken.topic) for each in topologies for taken in each.topics]
        known = {(taker.pubsub, taker.topic) for taker in takers}
        # Dead letters are meant to lie there: on the topic that is announced, or on the kit's own.
        known |= {
            (taken.pubsub, name)
            for each in topologies
            for taken in each.topics
            for name in (taken.dead_letter_topic, default_topic(taken.topic))
        }
        if (first.pubsub, first.topic) not in known | told:
            told.add((first.pubsub, first.topic))
            report(_untaken(first, takers, _in_vain(first, topologies)))


async def _topologies(statuses: Callable[[], Sequence[SidecarStatus]]) -> list[Topology]:
    """All of them, once they are known; one is cancelled where its sidecar begins anew."""
    while unknown := [status.topology for status in statuses() if not status.topology.done()]:
        await asyncio.wait(unknown)
    return [status.topology.result() for status in statuses() if not status.topology.cancelled()]


def _in_vain(published: Published, topologies: Iterable[Topology]) -> str:
    """Who asks for the topic and does not get it: the name is right, and no other one was meant."""
    apps = [
        each.app
        for each in topologies
        if any((asked.pubsub, asked.topic) == (published.pubsub, published.topic) for asked in each.not_taken)
    ]
    asks, does = ("ask", "do") if len(apps) > 1 else ("asks", "does")
    return f"{' and '.join(apps)} {asks} for it, and {does} not get it: see above." if apps else ""


def _untaken(published: Published, takers: Sequence[Taker], in_vain: str) -> Untaken:
    app, pubsub, topic, local = published
    elsewhere = (
        "Nobody else can: the component is in the memory of this run."
        if local
        else "An app that runs elsewhere may."
    )
    said = f"{app} published to '{topic}' of '{pubsub}', which no app of this run takes. {elsewhere}"
    hint = in_vain or nearest(pubsub, topic, takers)
    return Untaken(app, pubsub, topic, f"{said} {hint}" if hint else said)


def _endpoint(app: AppPlan) -> AppEndpoint:
    protocol = app.variables.get("APP_PROTOCOL", "http")
    scheme = protocol if protocol in SCHEMES else "http"
    app_url = f"{scheme}://localhost:{app.app_port}" if app.app_port else ""
    return AppEndpoint(app.app_id, app_url, f"http://localhost:{app.http_port}")
