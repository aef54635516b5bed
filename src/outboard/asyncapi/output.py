"""Changes as text and as values for JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from outboard.asyncapi.comparing import Change

__all__ = ["json_of", "text_of"]


def text_of(found: Sequence[Change]) -> Iterator[str]:
    """A line for each, and one that sums up."""
    for each in found:
        where = ".".join(part for part in (each.message, each.path) if part)
        place = f"{each.topic} {each.action}" + (f" {where}" if where else "")
        rule = f" [{each.rule}]"
        told = f"breaks {each.breaks}" if each.breaks else "breaks nobody"
        yield f"{told}: {place}: {each.text}{rule}"
    yield _sum(found)


def json_of(found: Iterable[Change]) -> dict[str, Any]:
    """For other programs."""
    listed = list(found)
    whom = ("consumers", "producers")
    return {
        "breaking": any(each.breaks for each in listed),
        **{name: sum(each.breaks == name for each in listed) for name in whom},
        "changes": [{**asdict(each), "breaks": each.breaks or None} for each in listed],
    }


def _sum(found: Sequence[Change]) -> str:
    if not found:
        return "nothing has changed for anybody"
    consumers, producers = (sum(each.breaks == name for each in found) for name in ("consumers", "producers"))
    others = len(found) - consumers - producers
    return f"{consumers} breaking for consumers, {producers} for producers, {others} for nobody"
