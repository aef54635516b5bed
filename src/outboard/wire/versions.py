"""Versions of an event type: which one an event is of, and the way from an older one to the newest. Pure.

An event says its version by its `type`, its `dataschema`, or both. Source: CloudEvents, "Primer", "Versioning
of CloudEvents".
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Generic, TypeAlias, TypeVar

from pydantic import ValidationError

from outboard.errors import EventVersionUnknown, InvalidEventData, UpcasterUnsuitable
from outboard.wire.data import DataCodec

__all__ = ["EventType", "EventVersions", "NewestVersion", "Upcaster", "Version", "said_of"]

T = TypeVar("T")

EventType: TypeAlias = str | Callable[[T], str]
"""An attribute that all events of a topic have in common, or a function from the data to it."""

NUMBERED: Final = re.compile(r"(?P<family>.+)[./:_-][vV]\d+(?:\.\d+)*\Z")
NONE: Final = ""
"""The `dataschema` of an event that has none."""


def said_of(attribute: EventType[T], data: T) -> str:
    """The attribute of an event with `data`."""
    return attribute if isinstance(attribute, str) else attribute(data)


@dataclass(frozen=True, slots=True)
class Version:
    """What events of one version have: a `type`, a `dataschema` (empty: none). None where any will do."""

    type: str | None = None
    dataschema: str | None = None

    def has(self, type: str, dataschema: str) -> bool:
        """Whether an event with these attributes is of it."""
        return self.type in (None, type) and self.dataschema in (None, dataschema)

    @property
    def said(self) -> int:
        """How many attributes it names."""
        return (self.type is not None) + (self.dataschema is not None)

    def meets(self, other: Version) -> bool:
        """Whether there can be an event of both."""
        pairs = ((self.type, other.type), (self.dataschema, other.dataschema))
        return all(one is None or two is None or one == two for one, two in pairs)

    def __str__(self) -> str:
        schema = "no dataschema" if self.dataschema == NONE else f"dataschema {self.dataschema!r}"
        parts = ([f"type {self.type!r}"] if self.type is not None else []) + (
            [schema] if self.dataschema is not None else []
        )
        return " and ".join(parts)


@dataclass(frozen=True, slots=True)
class NewestVersion(Generic[T]):
    """What a topic publishes: its `type`, and its `dataschema` if it has one."""

    type: EventType[T]
    dataschema: EventType[T] | None = None

    def is_known(self) -> bool:
        """Whether one can tell without data what its events have."""
        return isinstance(self.type, str) and not callable(self.dataschema)


@dataclass(frozen=True, slots=True)
class Upcaster:
    """`function` makes of data of `model`, which events of `version` have, data of `to`.

    `to` is None where that is the newest. `place` is "function (file:line)".
    """

    version: Version
    model: Any
    to: Any
    function: Callable[[Any], Any]
    place: str


class EventVersions(Generic[T]):
    """The versions of the events of one topic: the newest, of `codec`'s model, and those with an upcaster."""

    def __init__(self, topic: str, newest: NewestVersion[T], codec: DataCodec[T]) -> None:
        self.topic: Final = topic
        self.newest: Final = newest
        self._codec = codec
        self._upcasters: list[Upcaster] = []
        self._codecs: dict[Version, DataCodec[Any]] = {}

    @property
    def upcasters(self) -> Sequence[Upcaster]:
        """In the order in which they were declared."""
        return tuple(self._upcasters)

    def add(self, upcaster: Upcaster) -> None:
        """Read events of its version from now on.

        Raises UpcasterUnsuitable where it is no function of one value, names no version or the newest one,
        or one that another upcaster has.
        """
        self._check_function(upcaster)
        version, newest = upcaster.version, self.newest
        if not version.said:
            problem = "says neither `type` nor `dataschema`, so that no event could be told from the newest"
            raise UpcasterUnsuitable(upcaster.place, problem, "Name what events of the older version have")
        if newest.is_known() and version.has(str(newest.type), str(newest.dataschema or NONE)):
            problem = f"is for {version}, which is what topic '{self.topic}' publishes"
            raise UpcasterUnsuitable(upcaster.place, problem, "Give the newest version another one")
        for other in self._upcasters:
            if version.said == other.version.said and version.meets(other.version):
                problem = f"is for {version}, and {other.place} for {other.version}: one event can be both"
                advice = "Remove one, or name both `type` and `dataschema`"
                raise UpcasterUnsuitable(upcaster.place, problem, advice)
        self._upcasters.append(upcaster)
        self._codecs[version] = DataCodec(upcaster.model)
        self.__dict__.pop("_families", None)

    def check(self) -> None:
        """Raise UpcasterUnsuitable for one from which no way leads to the newest version."""
        for each in self._upcasters:
            self._way(each)

    def is_newest(self, type: str, dataschema: str | None) -> bool:
        """Whether an event with these attributes has data of the newest version as far as they tell.

        Raises nothing: of a version that nobody knows, it is not.
        """
        return self._found(type, dataschema or NONE) is None and not self._unknown(type, dataschema or NONE)

    def upcast(
        self, type: str, dataschema: str | None, event_id: str, read: Callable[[DataCodec[Any]], Any]
    ) -> tuple[T, str, str | None] | None:
        """The data of an event of an older version in the newest one, with the attributes that it has then.

        `read` gives the data by the codec of the older version. None where the event is of the newest.

        Raises EventVersionUnknown, InvalidEventData, TypeError where a function gives something else than it
        says, UpcasterUnsuitable, and what a function raises.
        """
        schema = dataschema or NONE
        found = self._found(type, schema)
        if found is None:
            if problem := self._unknown(type, schema):
                raise EventVersionUnknown(event_id, self._codec.model_name, problem)
            return None
        way = self._way(found)
        data = read(self._codecs[found.version])
        for step, following in itertools.zip_longest(way, way[1:]):
            codec = self._codec if following is None else self._codecs[following.version]
            data = _stepped(step, codec, data, event_id)
        newest = self.newest
        return (
            data,
            said_of(newest.type, data),
            None if newest.dataschema is None else said_of(newest.dataschema, data),
        )

    def _found(self, type: str, dataschema: str) -> Upcaster | None:
        """The upcaster of such an event that says most of it."""
        fitting = [each for each in self._upcasters if each.version.has(type, dataschema)]
        return max(fitting, key=lambda each: each.version.said, default=None)

    def _unknown(self, type: str, dataschema: str) -> str:
        """Why an event that no upcaster is for is not of the newest version either; empty where it may be."""
        newest = self.newest
        own = None if callable(newest.dataschema) else newest.dataschema
        told = own is not None or any(each.version.dataschema for each in self._upcasters)
        if told and dataschema != NONE and dataschema != own and not callable(newest.dataschema):
            return f"it has the dataschema {dataschema!r}, for which no upcaster stands"
        if isinstance(newest.type, str) and type != newest.type and _family(type) in self._families:
            return f"it has the type {type!r}, for which no upcaster stands"
        return ""

    @cached_property
    def _families(self) -> frozenset[str]:
        """The names of types without their numbers, where versions are told by types."""
        told = [each.version.type for each in self._upcasters if each.version.type is not None]
        return frozenset(map(_family, [*told, str(self.newest.type)] if told else []))

    def _way(self, first: Upcaster) -> Sequence[Upcaster]:
        """The upcasters from one to the newest version. Raises UpcasterUnsuitable where there is none."""
        way = [first]
        while (to := way[-1].to) is not None and to != self._codec.model:
            following = [each for each in self._upcasters if each.model == to]
            if len(following) != 1 or following[0] in way:
                raise UpcasterUnsuitable(way[-1].place, *self._no_way(way[-1], following))
            way.append(following[0])
        return way

    def _no_way(self, step: Upcaster, following: Sequence[Upcaster]) -> tuple[str, str]:
        name = DataCodec(step.to).model_name
        if not following:
            return (
                f"gives {name}, from which no upcaster of topic '{self.topic}' leads on",
                f"Declare one for it, or give {self._codec.model_name} and leave out `to`",
            )
        places = ", ".join(each.place for each in following)
        if len(following) > 1:
            return (
                f"gives {name}, from which several lead on: {places}",
                "Give each version a model of its own",
            )
        return f"gives {name}, from which the way leads back: {places}", "Let one of them lead to the newest"

    @staticmethod
    def _check_function(upcaster: Upcaster) -> None:
        function: object = upcaster.function
        advice = "Write `def upcast(old: Older) -> Newer`, without I/O"
        if not callable(function) or isinstance(function, type):
            raise UpcasterUnsuitable(upcaster.place, "is no function", advice)
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise UpcasterUnsuitable(upcaster.place, "is asynchronous or a generator", advice)
        try:
            inspect.signature(function).bind(None)
        except TypeError:
            raise UpcasterUnsuitable(
                upcaster.place, "cannot be called with the older data alone", advice
            ) from None
        except (NameError, ValueError):
            return  # Python 3.14 evaluates annotations for it; a function in C tells nothing


def _stepped(step: Upcaster, codec: DataCodec[Any], data: object, event_id: str) -> Any:
    """What one upcaster makes of `data`, which has to be of `codec`'s model."""
    try:
        made = step.function(data)
    except ValidationError as error:
        said = f"upcaster {step.place}: {codec.problem_of(error)}"
        raise InvalidEventData(event_id, codec.model_name, said) from None
    try:
        return codec.adapter.validate_python(made)
    except ValidationError as error:
        raise TypeError(
            f"upcaster {step.place} gives {type(made).__name__}, which is no {codec.model_name}: "
            f"{codec.problem_of(error)}"
        ) from None


def _family(type: str) -> str:
    found = NUMBERED.match(type)
    return found["family"] if found else type
