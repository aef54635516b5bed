"""Between the author's values and JSON text."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Generic, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypeForm

from outboard.errors import StateInvalid

__all__ = ["StateCodec"]

T = TypeVar("T")


class StateCodec(Generic[T]):
    """Reads and writes values of type `model`."""

    def __init__(self, model: TypeForm[T]) -> None:
        self.model = model

    @cached_property
    def _values(self) -> TypeAdapter[T]:
        if self.model is object:
            # JSON has neither NaN nor Infinity. Pydantic writes null for them, unless a model says otherwise;
            # where no model does, they are refused rather than lost.
            return TypeAdapter(self.model, config=ConfigDict(ser_json_inf_nan="constants"))
        return TypeAdapter(self.model)

    def encode(self, store: str, key: str, value: T) -> bytes:
        """JSON text. Raises StateInvalid for what is no `T`, or nothing that JSON can hold."""
        try:
            members = self._values.dump_python(self._values.validate_python(value), mode="json")
            return json.dumps(members, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode(
                "utf-8"
            )
        except ValidationError as error:
            raise self._invalid(store, key, _first_problem(error)) from None
        except (ValueError, TypeError, RecursionError) as error:
            raise self._invalid(store, key, str(error)) from None

    def decode(self, store: str, key: str, value: bytes) -> T:
        """Raises StateInvalid."""
        try:
            return self._values.validate_json(value)
        except ValidationError as error:
            raise self._invalid(store, key, _first_problem(error)) from None

    def _invalid(self, store: str, key: str, problem: str) -> StateInvalid:
        return StateInvalid(store, key, getattr(self.model, "__name__", None) or str(self.model), problem)


def _first_problem(error: ValidationError) -> str:
    # Without the value, which may be personal and would end in a log.
    details = error.errors(include_url=False, include_context=False, include_input=False)
    place = ".".join(str(part) for part in details[0]["loc"])
    return f"{place}: {details[0]['msg']}" if place else str(details[0]["msg"])
