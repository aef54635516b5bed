"""Publishing events of one topic together, by whichever of Dapr's routes the sidecar has.

Source: Dapr, "Pub/sub API reference". The route `/v1.0/publish/bulk` is there since Dapr 1.17; before that
only the alpha one, and the stable path is taken for a topic of a component named "bulk".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from outboard.clock import Clock
from outboard.errors import PubSubNotFound, UnexpectedAnswer
from outboard.kit.client import api
from outboard.kit.client.answers import bulk_errors, publish_error
from outboard.kit.client.http_metadata import asking_components
from outboard.kit.client.loaded import name_loaded_of_each
from outboard.kit.client.port import BatchAnswer, Publication, PublishResult
from outboard.kit.client.settings import Settings
from outboard.wire.dapr import (
    BULK_PUBLISH_ALPHA_PATH,
    BULK_PUBLISH_PATH,
    ORDERED_BULK_HEADER,
    PUBLISH_PATH,
    ErrorCode,
)
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

__all__ = ["BulkPublisher"]

log: Final = logging.getLogger("outboard.publishing")

SHORTEST: Final = 0.001
AT_ONCE: Final = 32
MAY_BE_ONE_EVENTS_FAULT: Final = frozenset({400, 413})


class BulkPublisher:
    """Publishes several events in one attempt, and remembers the route that the sidecar knows."""

    def __init__(self, exchange: Exchange, settings: Settings, clock: Clock) -> None:
        self._exchange = exchange
        self._settings = settings
        self._clock = clock
        self._ask = asking_components(exchange, settings)
        self._route: str | None = None
        self._logged: str | None = None

    async def attempt(self, publications: Sequence[Publication], timeout: float) -> BatchAnswer:
        """As `PublishOperations.attempt`; a batch of one is a plain publish."""
        deadline = self._clock.monotonic() + timeout
        answer = await self._attempt(publications, timeout)
        if not any(isinstance(each, PubSubNotFound) for each in answer.outcomes):
            return answer
        left = deadline - self._clock.monotonic()
        return answer._replace(outcomes=await name_loaded_of_each(answer.outcomes, self._ask, left))

    async def _attempt(self, publications: Sequence[Publication], timeout: float) -> BatchAnswer:
        try:
            if len(publications) == 1:
                return await self._publish_one(publications[0], timeout)
            return await self._publish_bulk(publications, self._clock.monotonic() + timeout)
        except ExchangeFailed as failure:
            self._route = None  # whoever listens there next may be another version
            return BatchAnswer([failure] * len(publications))

    async def _publish_one(self, publication: Publication, timeout: float) -> BatchAnswer:
        response = await self._send(api.publish(publication), timeout)
        error = publish_error(response, publication.pubsub, publication.topic, self._settings.endpoint)
        return BatchAnswer([error], _is_ordered(response))

    async def _publish_bulk(self, publications: Sequence[Publication], deadline: float) -> BatchAnswer:
        pubsub, topic = publications[0].pubsub, publications[0].topic
        for route in self._routes(pubsub):
            response = await self._send(api.publish_bulk(route, publications), self._left(deadline))
            if _is_missing(route, response):
                continue
            errors = bulk_errors(response, pubsub, topic, len(publications), self._settings.endpoint)
            if response.status != 404 and not isinstance(errors[0], UnexpectedAnswer):
                self._remember(route)
            if response.status in MAY_BE_ONE_EVENTS_FAULT:
                return await self._publish_halves(publications, deadline)
            return BatchAnswer(errors, _is_ordered(response))
        return await self._publish_each(publications, deadline)

    async def _publish_halves(self, publications: Sequence[Publication], deadline: float) -> BatchAnswer:
        """What was refused as a whole is taken apart, so that one event harms no other; order is kept."""
        middle = len(publications) // 2
        first = await self._attempt(publications[:middle], self._left(deadline))
        if any(isinstance(outcome, ExchangeFailed) for outcome in first.outcomes):
            untried = [ExchangeFailed("it was not tried", sent=False)] * (len(publications) - middle)
            return BatchAnswer([*first.outcomes, *untried])
        second = await self._attempt(publications[middle:], self._left(deadline))
        return BatchAnswer([*first.outcomes, *second.outcomes], first.ordered and second.ordered)

    async def _publish_each(self, publications: Sequence[Publication], deadline: float) -> BatchAnswer:
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(publication: Publication) -> PublishResult:
            async with slots:
                return (await self._attempt([publication], self._left(deadline))).outcomes[0]

        outcomes = await asyncio.gather(*map(one, publications))
        if None in outcomes:
            self._remember(PUBLISH_PATH)
        return BatchAnswer(outcomes)

    def _routes(self, pubsub: str) -> Sequence[str]:
        if self._route == PUBLISH_PATH:
            return ()
        if self._route == BULK_PUBLISH_ALPHA_PATH:
            return (BULK_PUBLISH_ALPHA_PATH,)
        # Where the stable route is missing, its path would publish to a component of this name.
        if pubsub == "bulk" and self._route is None:
            return (BULK_PUBLISH_ALPHA_PATH,)
        return (BULK_PUBLISH_PATH, BULK_PUBLISH_ALPHA_PATH)

    def _remember(self, route: str) -> None:
        self._route = route
        if route != self._logged:
            self._logged = route
            log.info(
                "events published together go to %s of the sidecar at %s", route, self._settings.endpoint
            )

    def _left(self, deadline: float) -> float:
        return max(deadline - self._clock.monotonic(), SHORTEST)

    async def _send(self, request: Request, timeout: float) -> Response:
        return await self._exchange(api.authorized(request, self._settings.api_token), timeout)


def _is_missing(route: str, response: Response) -> bool:
    """Whether the answer may mean that the sidecar has no such route.

    A component that is not found means it, too, where an older sidecar reads the path in its own way.
    """
    if response.status not in (404, 405):
        return False
    return route == BULK_PUBLISH_PATH or ErrorCode.PUBSUB_NOT_FOUND.encode() not in response.body


def _is_ordered(response: Response) -> bool:
    return response.headers.get(ORDERED_BULK_HEADER) == "true"
