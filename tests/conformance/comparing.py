"""Two observations compared: each difference as one line that says where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from conformance.asking import Observed

__all__ = ["differences", "without_script"]

ABSENT = "(absent)"
SCRIPT: Final = re.compile(r"user_script:[0-9]+: | script: [0-9a-f]{40}, on @user_script:[0-9]+\.")
OUR_HEADER: Final = "outboard-ordered-bulk"


def differences(real: Observed, ours: Observed) -> list[str]:
    """Where ours is not as daprd's; empty if they are the same."""
    return [
        *_between("answer", real.answers, ours.answers),
        *_between("delivery", real.deliveries, ours.deliveries),
    ]


def _between(place: str, real: object, ours: object) -> Iterator[str]:
    if isinstance(real, Mapping) and isinstance(ours, Mapping):
        for name in sorted({*real, *ours}):
            yield from _between(f"{place}.{name}", real.get(name, ABSENT), ours.get(name, ABSENT))
    elif _are_lists(real, ours) and len(real) == len(ours):  # type: ignore[arg-type]
        for index, (first, second) in enumerate(zip(real, ours, strict=True)):  # type: ignore[call-overload]
            yield from _between(f"{place}[{index}]", first, second)
    elif _are_lists(real, ours):
        yield from _only_in(f"{place}: only daprd has", real, ours)  # type: ignore[arg-type]
        yield from _only_in(f"{place}: only ours has", ours, real)  # type: ignore[arg-type]
    elif real != ours or type(real) is not type(ours):
        yield f"{place}: daprd {real!r}, ours {ours!r}"


def _only_in(what: str, those: Sequence[object], others: Sequence[object]) -> Iterator[str]:
    """What is in `those`, as often as it is, and not in `others`."""
    rest = list(others)
    for each in those:
        if each in rest:
            rest.remove(each)
        else:
            yield f"{what} {each!r}"


def _are_lists(real: object, ours: object) -> bool:
    return all(isinstance(each, Sequence) and not isinstance(each, str) for each in (real, ours))


def without_script(value: Any) -> Any:
    """Without Redis's remarks about which script failed where: ours is another than daprd's."""
    match value:
        case Observed(answers, deliveries):
            return Observed(without_script(answers), without_script(deliveries))
        case str():
            return SCRIPT.sub("", value)
        case tuple() | list():
            return type(value)(map(without_script, value))
        case dict():
            return {key: without_script(item) for key, item in value.items() if key != OUR_HEADER}
    return value
