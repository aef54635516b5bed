"""Between the author's values and JSON text."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import ValidationError
from typing_extensions import TypeForm

from outboard.errors import StateInvalid
from outboard.wire.data import DataCodec, DataUnfit

__all__ = ["StateCodec"]

T = TypeVar("T")


class StateCodec(Generic[T]):
    """Reads and writes values of type `model`."""

    def __init__(self, model: TypeForm[T]) -> None:
        self._values: DataCodec[T] = DataCodec(model, "value")

    def encode(self, store: str, key: str, value: T) -> bytes:
        """JSON text. Raises StateInvalid for what is no `T`, or could not be read as what it is."""
        try:
            return self._values.encode(value)
        except DataUnfit as error:
            raise self._invalid(store, key, error.problem) from None

    def decode(self, store: str, key: str, value: bytes) -> T:
        """Raises StateInvalid."""
        try:
            return self._values.adapter.validate_json(value)
        except ValidationError as error:
            raise self._invalid(store, key, self._values.problem_of(error)) from None

    def _invalid(self, store: str, key: str, problem: str) -> StateInvalid:
        return StateInvalid(store, key, self._values.model_name, problem)
