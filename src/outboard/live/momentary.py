"""A sidecar of a command's own, for a moment: with one component, for whoever has its token."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

from outboard.errors import CommandError
from outboard.live.components import ChosenComponent
from outboard.live.places import AppPlace, SearchPlaces
from outboard.resources.loader import Resources
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar

__all__ = ["serving"]

TOKEN_BYTES: Final = 16
GRACE: Final = 1.0


@asynccontextmanager
async def serving(chosen: ChosenComponent, places: SearchPlaces) -> AsyncIterator[AppPlace]:
    """The sidecar of the app with the component alone, on free ports of loopback, within the block.

    Raises ComponentInitFailed, and CommandError where only daprd could serve the component.
    """
    token = secrets.token_hex(TOKEN_BYTES)
    options = Options(
        chosen.app_id,
        http_port=0,
        grpc_port=0,
        log_level="error",
        graceful_shutdown=GRACE,
        namespace=chosen.place.namespace,
        api_token=token,
        directory=chosen.place.directory,
    )
    component = replace(chosen.component, scopes=(), ignore_errors=False)
    sidecar = Sidecar(options, Resources((*chosen.secret_stores, component)), environment=places.environment)
    serving = asyncio.create_task(sidecar.serve())
    ready = asyncio.create_task(sidecar.readiness.outbound.wait())
    try:
        await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        for left in sidecar.info.left_out:
            raise CommandError(f"'{left.name}' cannot be opened: {left.reason}", left.advice)
        yield replace(chosen.place, endpoint=f"http://127.0.0.1:{sidecar.http_port}", api_token=token)
    finally:
        ready.cancel()
        sidecar.stop(at_once=True)
        with suppress(asyncio.CancelledError):
            await asyncio.wait({serving})
