"""Whether a handler can take the data of a topic, by what its `Event[...]` says. Pure.

Refused is what cannot be right: a class that data of the topic never is. What only a type checker could tell
(the arguments of generic classes, literals) is left to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Final, TypeGuard, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel
from typing_extensions import is_typeddict

from outboard.wire.events import Event

__all__ = ["Misfit", "misfit", "types_of"]

JSON: Final = (dict, list, str, int, float, bool, type(None))
"""What data is, as Python has it, where a topic has no model."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """What a handler takes, what it would be given, and what to do about it."""

    asked: str
    given: str
    advice: str


def misfit(annotation: object, model: object, *, is_matched: bool) -> Misfit | None:
    """What is wrong with the type of `annotation`, an `Event[...]`, for a topic of `model`. None: nothing.

    A handler takes each type of the topic, or a base class of it; with a rule (`is_matched`) at least one.
    """
    asked = _data_of(annotation)
    wanted, given = types_of(asked), types_of(model)
    if any(_is_open(item) for item in wanted):
        return None
    if any(_is_open(item) for item in given):
        if not any(_is_json(item) for item in wanted):
            return Misfit(
                f"Event[{_name(asked)}]",
                "what JSON holds, since its topic has no model",
                f"Give the topic one: `board.topic(name, {_name(asked)})`",
            )
        return None
    taken = [any(_takes(want, one) for want in wanted) for one in given]
    if all(taken) or (is_matched and any(taken)):
        return None
    missed = " | ".join(_name(one) for one, is_taken in zip(given, taken, strict=True) if not is_taken)
    return Misfit(
        f"Event[{_name(asked)}]",
        f"Event[{_name(model)}] by its topic",
        f"Take that, or a base class, or subscribe to the topic of {_name(asked)}; "
        f"with `match`, a handler may take some of the types (now it misses {missed})",
    )


def _data_of(annotation: object) -> object:
    """The `X` of `Event[X]`, Any where there is none."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if not (isinstance(annotation, type) and issubclass(annotation, Event)):
        return Any
    arguments = annotation.__pydantic_generic_metadata__["args"]
    return arguments[0] if arguments else Any


def types_of(model: object) -> tuple[object, ...]:
    """The types of which a union is made, without what is said beside them."""
    model = getattr(model, "__value__", model)  # of `type Name = ...`
    model = getattr(model, "__supertype__", model)  # of a NewType
    origin = get_origin(model)
    if origin is Annotated:
        return types_of(get_args(model)[0])
    if origin in (Union, UnionType):
        return tuple(found for item in get_args(model) for found in types_of(item))
    return (model,)


def _is_open(model: object) -> bool:
    """Whether anything is of it, or nobody knows what."""
    return model in (object, Any) or isinstance(model, TypeVar)


def _is_json(model: object) -> bool:
    kind = _class_of(model)
    return not _is_telling(kind) or any(issubclass(item, kind) for item in JSON)


def _takes(wanted: object, given: object) -> bool:
    want, kind = _class_of(wanted), _class_of(given)
    if wanted == given or not _is_telling(want) or not _is_telling(kind):
        return True
    return issubclass(kind, want) or (want is float and kind is int)


def _class_of(model: object) -> object:
    """A class without its arguments."""
    if isinstance(model, type) and issubclass(model, BaseModel) and model is not BaseModel:
        return model.__pydantic_generic_metadata__["origin"] or model
    return type(None) if model is None else get_origin(model) or model


def _is_telling(kind: object) -> TypeGuard[type]:
    """Whether it is a class that data is an instance of; a Literal, for one, is for type checkers."""
    return isinstance(kind, type) and not is_typeddict(kind)


def _name(model: object) -> str:
    return getattr(model, "__name__", None) or str(model)
