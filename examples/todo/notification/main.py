"""The notification service's application, put together."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from notification import handlers, notifications
from notification.board import board
from notification.feed import Feed

LOOPBACK_ORIGINS: Final = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"


def create_app(feed: Feed | None = None, page_origins: str = LOOPBACK_ORIGINS) -> FastAPI:
    """`page_origins` is a regular expression for the origins whose pages may read the notifications."""
    app = FastAPI(title="To-do notifications", lifespan=board.lifespan)
    app.state.feed = feed or Feed()
    app.add_middleware(CORSMiddleware, allow_origin_regex=page_origins, allow_methods=["GET"])
    app.include_router(handlers.router)
    app.include_router(notifications.router)
    board.mount(app)
    return app
