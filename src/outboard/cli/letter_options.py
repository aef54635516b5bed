"""The options by which dead letters are chosen, alike in each command, and what they choose."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import typer

from outboard.cli.parameters import Given, parameter

if TYPE_CHECKING:
    from datetime import datetime

    from outboard.kit.deadletters.port import LetterSelection

__all__ = ["letter_selection", "selection_parameters"]

WAITING: Final = "waiting"


def selection_parameters(*, with_state: bool = True) -> list[inspect.Parameter]:
    """Of letters in any state, or only of those that wait."""
    return [
        _option("group", "Those of a group.", "ID", "-g"),
        _option("topic", "Those that came from this topic, or lie in this dead letter topic.", "NAME", "-t"),
        _option("app", "Those that this app failed at.", "APP"),
        _option("since", "Not before this time: `2h` ago, or `2026-01-31T08:00:00Z`.", "TIME"),
        _option("until", "Before this time, written in the same way.", "TIME"),
        _option("reason", "Those whose reason holds this.", "TEXT"),
        _option("text", "Those that hold this: in the reason, the ids, the key or the data.", "TEXT"),
        *([_state()] if with_state else []),
    ]


def letter_selection(ids: Sequence[str] | None, chosen: Mapping[str, Given]) -> LetterSelection:
    """What `ids` and the options that are given mean. Raises CommandError."""
    from typing import cast

    from outboard.errors import CommandError
    from outboard.kit.deadletters.port import selected

    given = {name: str(value or "") for name, value in chosen.items()}
    texts: dict[str, Any] = {name: given[name] for name in ("group", "topic", "reason", "text")}
    times = {name: _moment(f"--{name}", given[name]) for name in ("since", "until")}
    said = {name: value for name, value in {**texts, "app_id": given["app"], **times}.items() if value}
    state = given.get("state", WAITING)
    selection = cast(
        "LetterSelection",
        {**said, **({"ids": list(ids)} if ids else {}), "state": None if state == "all" else state},
    )
    try:
        selected(selection)
    except ValueError as error:
        raise CommandError(str(error), "`outboard dead-letters list --each` shows ids and states.") from error
    return selection


def _option(name: str, help: str, metavar: str, *short: str) -> inspect.Parameter:
    option = typer.Option(f"--{name}", *short, help=help, metavar=metavar, show_default=False)
    return parameter(name, str, option, "")


def _state() -> inspect.Parameter:
    help = "waiting, replaying, replayed, dropped or all."
    return parameter("state", str, typer.Option(help=help, metavar="STATE", show_default=WAITING), WAITING)


def _moment(option: str, text: str) -> datetime | None:
    """A time, or one so long ago. Raises CommandError."""
    if not text:
        return None
    from datetime import UTC, datetime, timedelta

    from outboard.errors import CommandError
    from outboard.resources import duration

    try:
        return datetime.now(UTC) - timedelta(seconds=duration.parse(text))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise CommandError(
            f"{option} {text}: {error}", "Write it as 90s, 2h or 2026-01-31T08:00:00Z."
        ) from error
    return moment if moment.tzinfo else moment.astimezone()
