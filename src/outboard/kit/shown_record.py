"""The record of hops, shown to whoever may look into the pod and has the app's token: for `outboard trace`.

A container without a shell can be asked for it by port-forward, where nothing can be run in it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from outboard.hops.files.pieces import files_told, piece_of
from outboard.hops.files.recording import HOPS_FOLDER
from outboard.kit.subscriptions.authentication import refusal_of_look
from outboard.wire.shown_record import MOST_BYTES, listing

__all__ = ["ShownRecord", "shown_record"]

log: Final = logging.getLogger("outboard.hops")

BYTES: Final = "application/octet-stream"


@dataclass(frozen=True)
class ShownRecord:
    """The record in `folder`, which only a bearer of `token` is shown, from inside the pod."""

    folder: Path
    token: str = field(repr=False)

    async def answer(self, request: Request) -> Response:
        """The list of its files, or the bytes of one from some place on."""
        if refused := refusal_of_look(request.scope, self.token):
            return refused
        name, begin = request.query_params.get("file"), request.query_params.get("from", "0")
        if not begin.isascii() or not begin.isdigit():
            return JSONResponse({"error": "from is the number of a byte"}, 400)
        try:
            if name is None:
                return Response(
                    listing(await run_in_threadpool(files_told, self.folder)), 200, None, "application/json"
                )
            piece = await run_in_threadpool(piece_of, self.folder, name, int(begin), MOST_BYTES)
        except OSError as error:
            log.warning("the record of hops in %s cannot be shown: %s", self.folder, error)
            return JSONResponse({"error": f"the record cannot be read: {error.strerror}"}, 500)
        if piece is None:
            return JSONResponse({"error": "the record has no such file"}, 404)
        return Response(piece, media_type=BYTES)


def shown_record(environ: Mapping[str, str], token: str) -> ShownRecord | None:
    """What is shown where hops are recorded; nothing where anybody could ask, because there is no token."""
    folder = environ.get(HOPS_FOLDER, "").strip()
    return ShownRecord(Path(folder), token) if folder and token else None
