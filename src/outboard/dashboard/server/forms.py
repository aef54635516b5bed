"""What a form has sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

__all__ = ["form_of"]

MOST_BYTES: Final = 4 * 2**20


async def form_of(request: Request) -> Mapping[str, str]:
    """Its fields, of several with one name the last. Raises HTTPException for what is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"A form has {MOST_BYTES:,} bytes at most.")
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
