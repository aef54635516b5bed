"""The notification service's application, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from notification import handlers, notifications
from notification.board import board, database
from notification.feed import Feed
from notification.models import Base

LOOPBACK_ORIGINS: Final = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"


def create_app(feed: Feed | None = None, page_origins: str = LOOPBACK_ORIGINS) -> FastAPI:
    """`page_origins` is a regular expression for the origins whose pages may read the notifications."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with database.open(Base.metadata):
            async with board.lifespan(app):
                yield

    app = FastAPI(title="To-do notifications", lifespan=lifespan)
    app.state.feed = feed or Feed(database)
    app.add_middleware(CORSMiddleware, allow_origin_regex=page_origins, allow_methods=["GET"])
    app.include_router(handlers.router)
    app.include_router(notifications.router)
    board.mount(app)
    return app
