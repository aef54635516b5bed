"""What the apps of a run take, told once it is known, and what is published that none of them takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from outboard.hops.takers import Taker, nearest
from outboard.run.output.events import Caution, Report, Topology, Untaken
from outboard.run.sidecars.port import Published, SidecarStatus

__all__ = ["tell_problems", "tell_untaken"]

MOST = 100
"""Topics without a taker that are told of: names that are made for each event would never end."""


def tell_problems(topology: Topology, report: Report) -> None:
    """What the app does not get: the last lines, so that they are seen."""
    for each in topology.not_taken:
        report(Caution(f"{topology.app} does not get its events: {each.problem}"))


async def tell_untaken(
    statuses: Sequence[SidecarStatus], published: asyncio.Queue[Published], report: Report
) -> None:
    """Tell of each topic that is `published` to, and that no app takes, once. Runs until cancelled.

    Begins when it is known of each app what it takes: one that is waited for may be the one that does.
    """
    topologies = [await asyncio.shield(status.topology) for status in statuses]
    takers = [Taker(each.app, taken.pubsub, taken.topic) for each in topologies for taken in each.topics]
    known = {(taker.pubsub, taker.topic) for taker in takers}
    # Dead letters are meant to lie there.
    known |= {(taken.pubsub, taken.dead_letter_topic) for each in topologies for taken in each.topics}
    told = 0
    while told < MOST:
        first = await published.get()
        if (first.pubsub, first.topic) not in known:
            known.add((first.pubsub, first.topic))
            told += 1
            report(_untaken(first, takers))


def _untaken(published: Published, takers: Sequence[Taker]) -> Untaken:
    app, pubsub, topic, local = published
    elsewhere = (
        "Nobody else can: the component is in the memory of this run."
        if local
        else "An app that runs elsewhere may."
    )
    said = f"{app} published to '{topic}' of '{pubsub}', which no app of this run takes. {elsewhere}"
    hint = nearest(pubsub, topic, takers)
    return Untaken(app, pubsub, topic, f"{said} {hint}" if hint else said)
