"""Whether all that one JSON schema allows is allowed by another, and if not, where. Pure.

Where nothing is found, no value is valid under the first and refused by the second. What cannot be told for
certain is found, too, by the rule `not-comparable`. A format counts as if validators checked it.

With `only_named` that is so for values with the fields alone that the first names, where it names any: what
pydantic writes has no others, and a schema that says nothing of others is not meant to have any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from outboard.asyncapi.alternatives import (
    Alternative,
    CannotCompare,
    Schema,
    alternatives,
    checked,
    key_of,
    resolved,
)
from outboard.asyncapi.keywords import (
    BOUNDS,
    Part,
    SchemaMisfit,
    constants,
    number_misfits,
    says,
    shown,
    size_misfits,
    text_misfits,
    type_misfits,
    unknown_misfits,
    value_misfits,
)

__all__ = ["is_same", "misfits"]

DEEPEST: Final = 48
MOST_COMPARED: Final = 20_000


Check: TypeAlias = Callable[[Alternative, Part, str], Iterator[SchemaMisfit]]


def misfits(
    writer: Schema, writers: Part, reader: Schema, readers: Part, *, only_named: bool = False
) -> list[SchemaMisfit]:
    """What is allowed by `writer`, in the document `writers`, and not by `reader`, in that of `readers`."""
    found = _Comparison(writers, readers, only_named).of((writer,), reader, "")
    return list({(each.path, each.rule): each for each in found}.values())


@dataclass(slots=True)
class _Comparison:
    writers: Part
    readers: Part
    only_named: bool
    under_way: set[tuple[str, str]] = field(default_factory=set)
    compared: int = 0
    depth: int = 0

    def of(self, writer: Sequence[Schema], reader: Schema, path: str) -> list[SchemaMisfit]:
        """What fulfils all schemas of `writer`, and not `reader`."""
        try:
            checked(reader)
        except CannotCompare as error:
            return [SchemaMisfit(path, "not-comparable", str(error))]
        if not says(reader) or any(is_same(each, self.writers, reader, self.readers) for each in writer):
            return []
        key = (repr(writer), repr(reader))
        if key in self.under_way:  # of schemas that contain themselves: decided where that began
            return []
        self.compared += 1
        if self.compared > MOST_COMPARED or len(self.under_way) > DEEPEST:
            return [
                SchemaMisfit(path, "not-comparable", "the schemas are too large or too deep to be compared")
            ]
        self.under_way.add(key)
        try:
            own = alternatives(writer, self.writers)
            return [found for each in own for found in self.one(each, reader, path)]
        except CannotCompare as error:
            return [SchemaMisfit(path, "not-comparable", str(error))]
        finally:
            self.under_way.discard(key)

    def one(self, writer: Alternative, reader: Schema, path: str) -> list[SchemaMisfit]:
        """The same of values of one type."""
        if not says(checked(reader)):
            return []
        if isinstance(reader, bool):
            return [SchemaMisfit(path, "type", f"{shown(writer)} is refused")]
        self.depth += 1
        try:
            if self.depth > 4 * DEEPEST:
                raise CannotCompare("it refers to itself without end")
            if "$ref" not in reader:
                return self.plain(writer, reader, path)
            # What stands beside a reference counts in 2020-12, and not in draft-07: so it counts.
            beside = {name: value for name, value in reader.items() if name != "$ref"}
            target = resolved({"$ref": reader["$ref"]}, self.readers)
            return self.one(writer, target, path) + self.one(writer, beside, path)
        finally:
            self.depth -= 1

    def plain(self, writer: Alternative, reader: Part, path: str) -> list[SchemaMisfit]:
        """The same where the reader is no reference."""
        found = [*type_misfits(writer, reader, path)] or [*value_misfits(writer, reader, path)]
        if found:
            return found
        for each in reader.get("allOf", ()):
            found += self.one(writer, each, path)
        if "anyOf" in reader:
            found += self.any_of(writer, reader["anyOf"], path)
        if "oneOf" in reader:
            found += self.one_of(writer, reader["oneOf"], path)
        found += unknown_misfits(writer, reader, path)
        if writer.type in BOUNDS:
            found += size_misfits(writer, reader, path)
        checks: Mapping[str, Check] = {
            "string": text_misfits,
            "integer": number_misfits,
            "number": number_misfits,
            "array": self.array,
            "object": self.object,
        }
        return [*found, *checks.get(writer.type, _nothing)(writer, reader, path)]

    def any_of(self, writer: Alternative, choices: Sequence[Schema], path: str) -> list[SchemaMisfit]:
        """The best of them counts: the only one of the same type, whose fields with one value have that."""
        tried = [self.one(writer, each, path) for each in choices]
        if not tried or not all(tried):
            return []
        own = {path, *(_inside(path, name) for name in constants(writer))}
        near = [
            found
            for found in tried
            if not any(each.path in own and each.rule in ("type", "enum") for each in found)
        ]
        if len(near) == 1:
            return near[0]
        return [SchemaMisfit(path, "alternative", f"{shown(writer)} fits none of the alternatives")]

    def one_of(self, writer: Alternative, choices: Sequence[Schema], path: str) -> list[SchemaMisfit]:
        """As `any_of`, and the others of them must not take it."""
        found = self.any_of(writer, choices, path)
        if found:
            return found
        fitting = [number for number, each in enumerate(choices) if not self.one(writer, each, path)]
        for number, each in enumerate(choices):
            if number != fitting[0] and not self.is_apart(writer, each):
                return [
                    SchemaMisfit(path, "not-comparable", "more than one alternative of `oneOf` may take it")
                ]
        return []

    def is_apart(self, writer: Alternative, reader: Schema) -> bool:
        """Whether certainly no value is of both."""
        return all(_are_apart(writer, each, self) for each in alternatives((reader,), self.readers))

    def array(self, writer: Alternative, reader: Part, path: str) -> Iterator[SchemaMisfit]:
        """Its items."""
        if reader.get("uniqueItems") and not any(writer.all("uniqueItems")):
            yield SchemaMisfit(path, "constraint", "items need not be unique")
        first, rest = _items(reader)
        if not first and rest is True:
            return
        if writer.value:
            for number, value in enumerate(writer.value[0]):
                schema = first[number] if number < len(first) else rest
                yield from self.of([{"const": value}], schema, f"{path}[{number}]")
            return
        own = [_items(part) for part in writer.parts]
        longest = min(writer.all("maxItems"), default=None)
        count = max([len(first), *(len(each) for each, _ in own)])
        for number in range(count):
            if longest is not None and number >= longest:
                return
            mine = [each[number] if number < len(each) else others for each, others in own]
            schema = first[number] if number < len(first) else rest
            yield from self.of(mine, schema, f"{path}[{number}]")
        if longest is None or longest > count:
            yield from self.of([others for _, others in own], rest, f"{path}[]")

    def object(self, writer: Alternative, reader: Part, path: str) -> Iterator[SchemaMisfit]:
        """Its fields."""
        if writer.value:
            yield from self.object_value(writer.value[0], reader, path)
            return
        needed = {name for names in writer.all("required") for name in names}
        missing = [name for name in reader.get("required", ()) if name not in needed]
        for name in missing:
            yield SchemaMisfit(_inside(path, name), "required", "it may be missing")
        known = reader.get("properties", {})
        others = reader.get("additionalProperties", True)
        own = {name for names in writer.all("properties") for name in names}
        is_closed = self.only_named and _names_its_fields(writer)
        for name in sorted(own | set(known)):
            mine = _fields(writer, name)
            is_there = not (is_closed and name not in own) and alternatives(mine, self.writers)
            if not is_there and name not in needed:
                continue  # it is never there
            place = _inside(path, name)
            if name not in known and others is False:
                yield SchemaMisfit(place, "field", "no such field is taken")
                continue
            found = self.of(mine, known.get(name, others), place)
            if name in own or mine != [True]:
                yield from found
            elif found and name not in missing:
                yield SchemaMisfit(place, found[0].rule, "where it is not named, it may have any value")
        if others is not True and not is_closed:
            rest = [part.get("additionalProperties", True) for part in writer.parts]
            if any("patternProperties" in part for part in writer.parts):
                rest = [True]
            if others is not False:
                yield from self.of(rest, others, _inside(path, "*"))
            elif alternatives(rest, self.writers):
                yield SchemaMisfit(path, "field", "fields that are not named may be there")

    def object_value(self, value: Part, reader: Part, path: str) -> Iterator[SchemaMisfit]:
        """The same of the only value that there is."""
        for name in reader.get("required", ()):
            if name not in value:
                yield SchemaMisfit(_inside(path, name), "required", "it is missing")
        for name, each in value.items():
            schema = reader.get("properties", {}).get(name, reader.get("additionalProperties", True))
            yield from self.of([{"const": each}], schema, _inside(path, name))


def is_same(one: Schema, ones: Part, other: Schema, others: Part) -> bool:
    """Whether two schemas, each in its document, say the same in the same words."""
    return _same(one, ones, other, others, set())


def _same(one: Any, ones: Part, other: Any, others: Part, seen: set[tuple[str, str]]) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if isinstance(one.get("$ref"), str) and isinstance(other.get("$ref"), str):
            pair = (one["$ref"], other["$ref"])
            if pair not in seen:
                seen.add(pair)
                try:
                    targets = resolved({"$ref": pair[0]}, ones), resolved({"$ref": pair[1]}, others)
                except CannotCompare:
                    return False
                if not _same(targets[0], ones, targets[1], others, seen):
                    return False
            one, other = ({**each, "$ref": ""} for each in (one, other))
        return one.keys() == other.keys() and all(
            _same(value, ones, other[name], others, seen) for name, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            _same(*pair, seen) for pair in ((a, ones, b, others) for a, b in zip(one, other, strict=True))
        )
    return type(one) is type(other) and bool(one == other)


def _nothing(writer: Alternative, reader: Part, path: str) -> Iterator[SchemaMisfit]:
    return iter(())


def _items(schema: Part) -> tuple[list[Schema], Schema]:
    """The schemas of the first items, and that of those behind them, as either draft has them."""
    items = schema.get("items", True)
    if "prefixItems" in schema:
        return list(schema["prefixItems"]), items
    if isinstance(items, list):
        return list(items), schema.get("additionalItems", True)
    return [], items


def _fields(writer: Alternative, name: str) -> list[Schema]:
    """The schemas that a field has to fulfil together; True where nothing is said of it."""
    return [each for part in writer.parts if (each := _field(part, name)) is not True] or [True]


def _field(part: Part, name: str) -> Schema:
    """What one part says of a field: True where patterns may say something else."""
    if name in part.get("properties", {}):
        found: Schema = part["properties"][name]
        return found
    rest: Schema = True if "patternProperties" in part else part.get("additionalProperties", True)
    return rest


def _names_its_fields(writer: Alternative) -> bool:
    """Whether it names fields, and says nothing of others than that there are none."""
    return bool(writer.all("properties")) and not any(
        "patternProperties" in part or part.get("additionalProperties", False) is not False
        for part in writer.parts
    )


def _are_apart(one: Alternative, other: Alternative, comparison: _Comparison) -> bool:
    """By their types, by the values that they name, or by those of a field that one of them has to have."""
    if one.type != other.type:
        return True
    if one.value and other.value:
        return key_of(one.value[0]) != key_of(other.value[0])
    if one.type != "object" or one.value or other.value:
        return False
    needed = {name for each in (one, other) for names in each.all("required") for name in names}
    return any(_are_apart_by(one, other, name, comparison) for name in needed)


def _are_apart_by(one: Alternative, other: Alternative, name: str, comparison: _Comparison) -> bool:
    firsts = alternatives([_field(part, name) for part in one.parts], comparison.writers)
    seconds = alternatives([_field(part, name) for part in other.parts], comparison.readers)
    return all(
        first.type != second.type
        or bool(first.value and second.value and key_of(first.value[0]) != key_of(second.value[0]))
        for first in firsts
        for second in seconds
    )


def _inside(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
