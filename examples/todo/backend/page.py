"""The page on which a person keeps the tasks, and what it must know to work."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

STATIC: Final = Path(__file__).parent / "static"

router = APIRouter(tags=["page"])
static_files = StaticFiles(directory=STATIC)


class PageSettings(BaseModel):
    """`notifications` is where a browser reaches the notification service."""

    notifications: str


@router.get("/", include_in_schema=False)
async def page() -> FileResponse:
    return FileResponse(STATIC / "index.html")


@router.get("/api/settings")
async def page_settings(request: Request) -> PageSettings:
    return PageSettings(notifications=request.app.state.notification_url)
