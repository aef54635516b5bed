"""`python -m notification`: serve the notification service where Dapr expects it, at APP_PORT."""

from __future__ import annotations

import contextlib
import logging
import os
import socket

import uvicorn

from notification.board import database
from notification.feed import Feed
from notification.main import LOOPBACK_ORIGINS, create_app


class Server(uvicorn.Server):
    """Ends the live streams first: uvicorn waits for open responses, and these would never end."""

    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._feed.end()
        await super().shutdown(sockets)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    feed = Feed(database)
    app = create_app(feed, page_origins=os.environ.get("PAGE_ORIGINS", LOOPBACK_ORIGINS))
    host = os.environ.get("APP_HOST", "127.0.0.1")
    port = int(os.environ.get("APP_PORT", "8001"))
    config = uvicorn.Config(app, host=host, port=port, log_config=None, log_level="warning")
    with contextlib.suppress(KeyboardInterrupt):
        Server(config, feed).run()


if __name__ == "__main__":
    main()
