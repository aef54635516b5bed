"""Asks sidecars what their apps take and have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from outboard.gojson.decoding import first_value
from outboard.gojson.values import Json
from outboard.kit.client.connection import connect
from outboard.kit.client.settings import Settings
from outboard.live.places import AppPlace
from outboard.live.wiring import AppWiring, wiring_of_files, wiring_of_sidecar
from outboard.resources.loader import Resources, read_resources
from outboard.wire.dapr import API_TOKEN_HEADER, METADATA_PATH
from outboard.wire.http import Exchange, ExchangeFailed, Request

__all__ = ["reached", "settings_for", "wirings"]

TIMEOUT: Final = 2.0
NOT_RUNNING: Final = "it does not run, so that only subscriptions in files are known"


def settings_for(place: AppPlace) -> Settings:
    """What a client of the sidecar of `place` is told."""
    return Settings(place.endpoint, app_id=place.app_id or "outboard", api_token=place.api_token)


@asynccontextmanager
async def reached(place: AppPlace) -> AsyncIterator[Exchange]:
    """The way to the sidecar of `place`."""
    async with connect(settings_for(place)) as exchange:
        yield exchange


async def wirings(places: Sequence[AppPlace]) -> list[AppWiring]:
    """What each app takes and has; a sidecar that does not answer is a remark. Raises CommandError where a
    folder of files cannot be read.
    """
    return list(await asyncio.gather(*map(_wiring, places)))


async def _wiring(place: AppPlace) -> AppWiring:
    files = Resources()
    if place.resources_paths:
        files = read_resources(place.resources_paths, place.app_id, place.namespace)
    if not place.endpoint:
        return wiring_of_files(place.app_id, files, NOT_RUNNING)
    told = await _metadata(place)
    if isinstance(told, str):
        return wiring_of_files(place.app_id, files, f"its sidecar at {place.endpoint} does not tell: {told}")
    return wiring_of_sidecar(place.app_id, told, files)


async def _metadata(place: AppPlace) -> dict[str, Json] | str:
    """The answer of the metadata API, or why there is none."""
    headers = {API_TOKEN_HEADER: place.api_token} if place.api_token else {}
    async with reached(place) as exchange:
        try:
            response = await exchange(Request("GET", METADATA_PATH, headers), TIMEOUT)
        except ExchangeFailed as failure:
            return str(failure)
    if response.status != 200:
        return f"it answers HTTP {response.status}"
    try:
        answer = first_value(response.body)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else "what it answers is not Dapr's metadata"
