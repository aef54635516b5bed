"""Arguments of a harness that are not what was asked for, named where the test passes them."""

from __future__ import annotations

from typing import Final

from outboard.kit.arguments import check_instance, wrong
from outboard.kit.board import Outboard
from outboard.kit.topic import Topic
from outboard.testing.engines.port import ENGINES

__all__ = [
    "check_board",
    "check_engine",
    "check_error_status",
    "check_seed",
    "check_served",
    "check_text",
    "check_topic",
]

BOARD: Final = "the app's `Outboard`"


def check_topic(topic: object) -> None:
    """Raise TypeError unless it is a Topic, as for one that is given by its name."""
    if not isinstance(topic, Topic):
        wrong("topic", "a Topic, such as what `board.topic(name, Model)` returns", topic)


def check_seed(value: object) -> None:
    """Raise TypeError unless it is a whole number."""
    if not isinstance(value, int):
        wrong("seed", "a whole number", value)


def check_error_status(value: object) -> None:
    """Raise TypeError unless it is a whole number, and ValueError unless it is the status of an error."""
    if isinstance(value, bool) or not isinstance(value, int):
        wrong("status", "a whole number, 400 to 599", value)
    if not 400 <= value <= 599:
        raise ValueError(f"status {value} is no error: one of 400 to 599 is")


def check_text(name: str, value: object) -> None:
    """Raise TypeError unless it is a text."""
    if not isinstance(value, str):
        wrong(name, "a text", value)


def check_board(board: object) -> None:
    """Raise TypeError unless it is a board."""
    if not isinstance(board, Outboard):
        wrong("board", BOARD, board)


def check_engine(engine: object) -> None:
    """Raise ValueError unless it is the name of an engine."""
    if engine not in ENGINES:
        raise ValueError(f"there is no engine {engine!r}: it is one of {', '.join(ENGINES)}")


def check_served(app: object, board: object, app_id: object) -> None:
    """Raise TypeError unless `app` is an ASGI app, `board` a board or None, and `app_id` a text or None."""
    if not callable(app):
        wrong("app", "an ASGI app, such as the FastAPI one", app)
    check_instance("board", board, Outboard, f"{BOARD}, or left out")
    check_instance("app_id", app_id, str, "a text")
