"""`python -m backend`: serve the backend where Dapr expects it, at APP_PORT."""

from __future__ import annotations

import logging
import os

import uvicorn

from backend.main import DEFAULT_NOTIFICATION_URL, create_app


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    app = create_app(notification_url=os.environ.get("NOTIFICATION_URL", DEFAULT_NOTIFICATION_URL))
    host = os.environ.get("APP_HOST", "127.0.0.1")
    port = int(os.environ.get("APP_PORT", "8000"))
    uvicorn.run(app, host=host, port=port, log_config=None, log_level="warning")


if __name__ == "__main__":
    main()
