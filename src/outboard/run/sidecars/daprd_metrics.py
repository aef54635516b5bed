"""What a daprd has published, as its metrics tell it: nothing else of it does, short of logging each call.

Source: daprd 1.18, `GET /metrics`; Prometheus, "Exposition formats".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

from outboard.clock import Clock
from outboard.run.plan.plan import AppPlan
from outboard.run.plan.settings import METRICS_PORT
from outboard.sidecar.channel.exchange import app_url, exchange_with
from outboard.wire.http import Exchange, ExchangeFailed, Request

__all__ = ["published_topics", "watch_published"]

POLL: Final = 1.0
TIMEOUT: Final = 2.0
NOTHING_TO_KEEP: Final = 0
LISTEN_ADDRESS: Final = "--metrics-listen-address"
SAMPLE: Final = re.compile(r"dapr_component_pubsub_egress(?:_bulk)?_count\{(?P<labels>.*)\} (?P<value>\S+)")
LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
ESCAPED: Final = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


async def watch_published(app: AppPlan, first_published: Callable[[str, str], None], clock: Clock) -> None:
    """Call `first_published` with pub/sub and topic of the first event to each, within a second or two.

    Runs until cancelled. A daprd without metrics (`spec.metrics.enabled: false`) tells nothing.
    """
    flags = dict(pairwise(app.sidecar))
    port = int(flags.get(f"--{METRICS_PORT}", 0))
    known: set[tuple[str, str]] = set()
    async with exchange_with(app_url("http", flags[LISTEN_ADDRESS], port), NOTHING_TO_KEEP) as exchange:
        while True:
            await clock.sleep(POLL)
            for pubsub, topic in published_topics(await _metrics(exchange)):
                if (pubsub, topic) not in known:
                    known.add((pubsub, topic))
                    first_published(pubsub, topic)


def published_topics(metrics: str) -> Iterator[tuple[str, str]]:
    """Pub/sub and topic of each counter of published events, alone or in bulk, that a broker took."""
    for line in metrics.splitlines():
        if sample := SAMPLE.match(line):
            labels = {name: _unescaped(value) for name, value in LABEL.findall(sample["labels"])}
            if labels.get("success") == "true" and float(sample["value"]) > 0:
                yield labels.get("component", ""), labels.get("topic", "")


def _unescaped(value: str) -> str:
    return re.sub(r"\\.", lambda found: ESCAPED.get(found[0], found[0]), value)


async def _metrics(exchange: Exchange) -> str:
    """Empty where there are none."""
    try:
        response = await exchange(Request("GET", "/metrics"), TIMEOUT)
    except ExchangeFailed:
        return ""
    return response.body.decode("utf-8", "replace") if response.ok else ""
