"""What may be the model of a topic or of a state store. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import isroutine
from typing import Any, cast

from pydantic import BaseModel, PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter
from typing_extensions import TypeForm

from outboard.errors import ModelUnusable
from outboard.kit.arguments import shown

__all__ = ["check_model"]


def check_model(declared: str, model: object) -> None:
    """Raise ModelUnusable for what pydantic knows no way to read. `declared` says in the message what has it.

    It would be found at the first event or value only. A name that is defined later is no mistake yet.
    """
    if model in (object, Any) or (isinstance(model, type) and issubclass(model, BaseModel)):
        return
    if isinstance(model, str | Mapping) or isroutine(
        model
    ):  # of which pydantic makes something, but no values
        raise ModelUnusable(declared, shown(model), "it is no type")
    try:
        TypeAdapter(cast("TypeForm[Any]", model))
    except PydanticUndefinedAnnotation:
        return
    except PydanticUserError as error:
        raise ModelUnusable(declared, shown(model), error.message.split(". ")[0].rstrip(".")) from None
