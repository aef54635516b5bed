"""Between the author's values and JSON text that whoever has the same model can read again. Pure."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, Final, Generic, NoReturn, TypeAlias, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import to_json
from typing_extensions import TypeForm

from outboard.wire.sensitive import Masking, is_marked, masked_by_name

__all__ = ["DataCodec", "DataUnfit"]

T = TypeVar("T")
Place: TypeAlias = tuple[str | int, ...]

NESTED: Final = frozenset({"model", "dataclass", "typed-dict", "definition-ref"})
"""The types of a core schema that hold fields, or name a schema that may."""
PLAIN: Final = frozenset({str, int, float, bool, type(None)})


class DataUnfit(Exception):
    """Data is not of its model, or would not be read as what it is. `problem` is for a person."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class DataCodec(Generic[T]):
    """Reads and writes values of type `model`. What it writes, it has read again. Compile it once.

    `root` is what a value is called where something in it is wrong.
    """

    def __init__(self, model: TypeForm[T], root: str = "data") -> None:
        self.model = model
        self._root: Final[Place] = (root,)
        self._is_any = model in (object, Any)

    @property
    def model_name(self) -> str:
        """The model's name, for a person."""
        return getattr(self.model, "__name__", None) or str(self.model)

    @cached_property
    def adapter(self) -> TypeAdapter[T]:
        """Pydantic's view of the model."""
        if self._is_any:  # written as null, which any reader takes, nobody would see that a number was lost
            return TypeAdapter(self.model, config=ConfigDict(ser_json_inf_nan="constants"))
        return TypeAdapter(self.model)

    @cached_property
    def _writes_constants(self) -> bool:
        """Whether a number may be written as NaN or Infinity."""
        configs = (node.get("config", {}) for node in _nodes(self.adapter.core_schema))
        return self._is_any or any(config.get("ser_json_inf_nan") == "constants" for config in configs)

    @cached_property
    def _flat(self) -> frozenset[type]:
        """The models that have no other in them, so that no part of a value can be of a subclass."""
        members = [item for item in _members(self.model) if isinstance(item, type)]
        nested = sum(node["type"] in NESTED for node in _nodes(self.adapter.core_schema))
        return frozenset(members if nested == len(members) else ())

    def encode(self, value: T) -> bytes:
        """JSON text. Raises DataUnfit for what is no `T`, and for what nobody could read as such.

        Whatever a model does with names, values and defaults shows when what it writes is read again. That
        costs about as much as writing it.
        """
        adapter = self.adapter
        is_flat = type(value) in self._flat
        try:
            valid = value if is_flat else adapter.validator.validate_python(value)
            text = adapter.serializer.to_json(valid)
        except ValidationError as error:
            raise DataUnfit(self.problem_of(error)) from None
        except (ValueError, RecursionError) as error:
            raise DataUnfit(f"it cannot be written as JSON: {error}") from None
        if self._writes_constants and (text.find(b"NaN") >= 0 or text.find(b"Infinity") >= 0):
            _refuse_constants(text)
        if self._is_any:
            if text.find(b"null") >= 0 and not _is_plain(valid):
                self._refuse_lost_numbers(valid, valid)
            return text
        read = self._read_again(text, valid)
        if is_flat and type(read) is type(value) and text.find(b"null") < 0:  # `in` takes twice as long
            return text
        if not _is_same(read, value):
            self._refuse_losses(value, valid, read)
        return text

    def masked(self, value: object, masking: Masking) -> str:
        """JSON text for others to see, with what is `Sensitive` masked; empty for what cannot be written."""
        try:
            text = self.adapter.serializer.to_json(value, context=masking, warnings=False)
        except (ValueError, RecursionError):
            return ""
        return text.decode("utf-8", "replace")

    def masked_misfit(self, value: object, masking: Masking) -> str:
        """As `masked`, of a value of JSON that is not of the model: by the names of what is `Sensitive`."""
        names = self._sensitive_names
        shown = masking.take(value) if names is None else masked_by_name(value, names, masking)
        try:
            return to_json(shown).decode("utf-8", "replace")
        except (ValueError, RecursionError):
            return ""

    @cached_property
    def _sensitive_names(self) -> frozenset[str] | None:
        """The names of fields that are `Sensitive`, or hold what is; None where that has no name."""
        marked = any(map(is_marked, _nodes(self.adapter.core_schema)))
        names = frozenset(_sensitive_fields(self.adapter.core_schema))
        return names if names or not marked else None

    def problem_of(self, error: ValidationError) -> str:
        """The first thing that is wrong. Values are left out: they may be personal, and this ends in logs."""
        details = error.errors(include_url=False, include_context=False, include_input=False)
        more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
        return f"{_dotted((*self._root, *details[0]['loc']))}: {details[0]['msg']}{more}"

    def _read_again(self, text: bytes, valid: T) -> T:
        try:
            return self.adapter.validator.validate_json(text)  # type: ignore[no-any-return]
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            if (place := (*self._root, *first["loc"])) in _not_finite(
                self.adapter.serializer.to_python(valid), self._root
            ):
                _refuse_number(f" at {_dotted(place)}")
            advice = (
                ". The model writes it under another name, or not at all: see `serialize_by_alias` and "
                "`validate_by_name` of its `model_config`, or its `exclude`"
                if first["type"] == "missing"
                else ""
            )
            problem = f"nobody could read what would be written: {self.problem_of(error)}{advice}"
            raise DataUnfit(problem) from None

    def _refuse_losses(self, given: T, valid: T, read: T) -> None:
        """`read` is not equal to what was written, as it may be where a model says so; not by accident."""
        self._refuse_lost_numbers(valid, read)
        serializer = self.adapter.serializer
        whole = serializer.to_python(valid, mode="json", serialize_as_any=True)
        lost = _lost(whole, serializer.to_python(valid, mode="json"), self._root) or _lost(
            given, valid, self._root
        )
        if lost:
            raise DataUnfit(f"{_dotted(lost)} would be lost: {self.model_name} has no such field")
        if _has_fields(valid) and _has_fields(read) and not isinstance(valid, type(read)):
            raise DataUnfit(
                f"it is {type(valid).__name__}, and would be read as {type(read).__name__}: give each of "
                "them a field that tells them apart, such as `kind: Literal['done'] = 'done'`"
            )

    def _refuse_lost_numbers(self, valid: T, read: T) -> None:
        """JSON has neither NaN nor Infinity: pydantic writes null for them unless a model says otherwise."""
        serializer = self.adapter.serializer
        written = [*_not_finite(serializer.to_python(valid), self._root)]
        kept = [] if read is valid else [*_not_finite(serializer.to_python(read), self._root)]
        if len(written) > len(kept):
            _refuse_number(f" at {_dotted(written[0])}")


def _members(model: object) -> tuple[object, ...]:
    """The types that a union is of, or the one that it is."""
    plain = get_args(model)[0] if get_origin(model) is Annotated else model
    return get_args(plain) if get_origin(plain) in (Union, UnionType) else (plain,)


def _refuse_constants(text: bytes) -> None:
    """Python reads them; daprd and the browser do not."""
    json.loads(text, parse_constant=lambda _: _refuse_number(" in it"))


def _refuse_number(where: str) -> NoReturn:
    raise DataUnfit(f"the number{where} is NaN or infinite, which JSON has no word for")


def _is_same(read: object, given: object) -> bool:
    """Whether what was read is what was given; what cannot be compared is looked at closely instead."""
    if type(read) is not type(given):
        return False
    try:
        return bool(read == given)
    except Exception:  # an author's `__eq__`, an array
        return False


def _lost(more: object, less: object, place: Place) -> Place | None:
    """Where `more` has a member that `less` has not, or None."""
    pairs: list[tuple[str | int, object, object]] = []
    if isinstance(more, Mapping) and isinstance(less, Mapping):
        if len(more) > len(less):
            return (*place, str(next((name for name in more if name not in less), "?")))
        pairs = [(str(name), value, less.get(name)) for name, value in more.items()]
    elif isinstance(more, list | tuple) and isinstance(less, list | tuple):
        pairs = [(number, *pair) for number, pair in enumerate(zip(more, less, strict=False))]
    found = (_lost(value, other, (*place, name)) for name, value, other in pairs)
    return next((lost for lost in found if lost), None)


def _is_plain(value: object) -> bool:
    """Whether it has nothing in it but what JSON has, so that no model decides how a number is written."""
    kind = type(value)
    if kind is dict:
        return all(map(_is_plain, value.values()))  # type: ignore[attr-defined]
    return kind in PLAIN or (kind is list and all(map(_is_plain, value)))  # type: ignore[call-overload]


def _not_finite(value: object, place: Place) -> Iterator[Place]:
    if isinstance(value, float):
        if not math.isfinite(value):
            yield place
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from _not_finite(member, (*place, str(name)))
    elif isinstance(value, list | tuple | set | frozenset):
        for number, member in enumerate(value):
            yield from _not_finite(member, (*place, number))


def _has_fields(value: object) -> bool:
    return isinstance(value, BaseModel) or (dataclasses.is_dataclass(value) and not isinstance(value, type))


def _nodes(schema: object) -> Iterator[Mapping[str, Any]]:
    """All schemas within a core schema. Source: pydantic-core, `core_schema`."""
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema
        for name, member in schema.items():
            if name not in ("metadata", "default"):
                yield from _nodes(member)
    elif isinstance(schema, list | tuple):
        for member in schema:
            yield from _nodes(member)


def _sensitive_fields(schema: object) -> Iterator[str]:
    """The names, and the aliases, of fields whose schema has a mark in it."""
    for node in _nodes(schema):
        fields = node.get("fields", ())
        named = (
            fields.items() if isinstance(fields, dict) else [(field.get("name"), field) for field in fields]
        )
        for name, field in named:
            if any(map(is_marked, _nodes(field))):
                aliases = (field.get("validation_alias"), field.get("serialization_alias"))
                yield from _strings((name, *aliases))


def _strings(value: object) -> Iterator[str]:
    """The texts in it: an alias may be a path, or a choice of several."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _strings(part)


def _dotted(place: Place) -> str:
    return ".".join(map(str, place))
