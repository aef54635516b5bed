"""The types of components, and what each takes as metadata. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

from outboard.facts.corrections import (
    ALIASES,
    CATEGORY_FIELDS,
    EXTRA_FIELDS,
    MORE_VERSIONS,
    NOT_REQUIRED,
    OTHER_NAMES,
    OWN_TYPES,
    WIDER_VALUES,
)

__all__ = ["AuthProfile", "Catalogue", "ComponentFacts", "FieldFacts", "Row"]

Row: TypeAlias = Mapping[str, object]
"""One type and version, as it stands in `components.json`."""

FIRST_VERSION: Final = "v1"
INITIAL: Final = frozenset({"", "v0", "v1"})
"""What daprd takes for the first version of a type."""


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """One metadata field. `type` is `string`, `number`, `bool`, `duration`, `bytesize`, or empty: not known.

    `direction` is `input` or `output` for a field that a binding needs in one direction only.
    """

    name: str
    type: str = ""
    required: bool = False
    sensitive: bool = False
    default: str = ""
    allowed: tuple[str, ...] = ()
    direction: str = ""
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class AuthProfile:
    """One way to authenticate, with the fields that it takes."""

    title: str
    fields: tuple[FieldFacts, ...]

    @property
    def required(self) -> tuple[FieldFacts, ...]:
        """Those that it cannot do without."""
        return tuple(each for each in self.fields if each.required)


@dataclass(frozen=True)
class ComponentFacts:
    """One type of component in one version. `status` is `alpha`, `beta` or `stable`."""

    type: str
    version: str
    status: str
    capabilities: tuple[str, ...]
    profiles: tuple[AuthProfile, ...]
    own_fields: tuple[FieldFacts, ...]

    @property
    def category(self) -> str:
        """`pubsub`, `state`, `bindings`, …"""
        return self.type.partition(".")[0]

    @cached_property
    def fields(self) -> Mapping[str, FieldFacts]:
        """Every field that it takes, with those of all profiles and of its category: lower-case name → facts.

        A field of several profiles may have what any of them allows.
        """
        found = {each.lower(): FieldFacts(each, kind) for each, kind in self._beside()}
        for profile in self.profiles:
            for each in profile.fields:
                earlier = found.get(each.name.lower())
                found[each.name.lower()] = each if earlier is None else _both(earlier, each)
        return found | {each.name.lower(): each for each in self.own_fields}

    @cached_property
    def aliases(self) -> Mapping[str, str]:
        """Other names of its fields: lower-case other name → lower-case name."""
        return {
            other.lower(): name.lower()
            for name, others in ALIASES.items()
            if name.lower() in self.fields
            for other in others
            if other.lower() not in self.fields
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields, as they are written."""
        return tuple(each.name for each in self.fields.values())

    def field(self, name: str) -> FieldFacts | None:
        """The facts of the field `name`, whatever its case, or another name of it; None if not known."""
        lower = name.lower()
        return self.fields.get(self.aliases.get(lower, lower))

    def _beside(self) -> tuple[tuple[str, str], ...]:
        return (*CATEGORY_FIELDS.get(self.category, ()), *EXTRA_FIELDS.get(self.type, ()))


class Catalogue:
    """All types of components; the facts of one are read when they are asked for."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows: dict[str, dict[str, Row]] = {}
        for row in rows:
            self._rows.setdefault(str(row["type"]), {})[str(row["version"])] = row
        for type_, versions in MORE_VERSIONS.items():
            first = self._rows.get(type_, {}).get(FIRST_VERSION)
            if first is not None:
                self._rows[type_] |= dict.fromkeys(versions, first)
        self._read: dict[tuple[str, str], ComponentFacts] = {}

    @cached_property
    def types(self) -> tuple[str, ...]:
        """Every name that a component may have as its type, sorted."""
        return tuple(sorted({*self._rows, *OTHER_NAMES, *OWN_TYPES}))

    @cached_property
    def categories(self) -> frozenset[str]:
        """What stands before the first dot of a type."""
        return frozenset(each.partition(".")[0] for each in self.types)

    def is_known(self, type_: str) -> bool:
        """Whether there is such a type; case does not count, as it does not for daprd."""
        lower = type_.lower()
        return lower in self._rows or lower in OTHER_NAMES or lower in OWN_TYPES

    def versions(self, type_: str) -> tuple[str, ...]:
        """The versions of a type, empty where they are not known."""
        return tuple(self._rows.get(self._name(type_), {}))

    def find(self, type_: str, version: str = FIRST_VERSION) -> ComponentFacts | None:
        """What is known of a type in a version (empty: the first); None where nothing is."""
        name = self._name(type_)
        rows = self._rows.get(name, {})
        lower = version.lower()
        known = FIRST_VERSION if lower in INITIAL and FIRST_VERSION in rows else lower
        if known not in rows:
            return None
        if (name, known) not in self._read:
            self._read[name, known] = _component(rows[known])
        return self._read[name, known]

    def _name(self, type_: str) -> str:
        lower = type_.lower()
        return OTHER_NAMES.get(lower, lower)


def _component(row: Row) -> ComponentFacts:
    type_ = str(row["type"])
    return ComponentFacts(
        type=type_,
        version=str(row["version"]),
        status=str(row["status"]),
        capabilities=_strings(row.get("capabilities")),
        profiles=tuple(
            AuthProfile(str(each["title"]), _fields(type_, each)) for each in _rows(row.get("authProfiles"))
        ),
        own_fields=_fields(type_, row),
    )


def _fields(type_: str, owner: Row) -> tuple[FieldFacts, ...]:
    return tuple(_field(type_, each) for each in _rows(owner.get("fields")))


def _field(type_: str, row: Row) -> FieldFacts:
    name, binding = str(row["name"]), row.get("binding")
    directions = [key for key, value in binding.items() if value] if isinstance(binding, Mapping) else []
    direction = str(directions[0]) if len(directions) == 1 else ""
    optional = name in NOT_REQUIRED.get(type_, ()) or direction != ""
    return FieldFacts(
        name=name,
        type=str(row.get("type", "")),
        required=bool(row.get("required")) and not optional,
        sensitive=bool(row.get("sensitive")),
        default=str(row.get("default", "")).strip('"\n'),
        allowed=(*_strings(row.get("allowedValues")), *WIDER_VALUES.get(name, ()))
        if "allowedValues" in row
        else (),
        direction=direction,
        deprecated=bool(row.get("deprecated")),
    )


def _both(one: FieldFacts, other: FieldFacts) -> FieldFacts:
    allowed = tuple(dict.fromkeys((*one.allowed, *other.allowed))) if one.allowed and other.allowed else ()
    return FieldFacts(
        one.name,
        one.type if one.type == other.type else one.type or other.type,
        one.required and other.required,
        one.sensitive or other.sensitive,
        one.default,
        allowed,
        one.direction,
    )


def _rows(value: object) -> list[Row]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _strings(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
