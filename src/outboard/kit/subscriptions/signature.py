"""The signature under which FastAPI sees a handler: the author's, with a connection in place of the event."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from types import FunctionType
from typing import Annotated, Any, get_args, get_origin

from starlette.requests import HTTPConnection

from outboard.errors import HandlerUnsuitable
from outboard.kit.subscriptions.declaration import Handler
from outboard.wire.events import Event

__all__ = ["EndpointSignature", "endpoint_signature"]

EVENT_FIRST = "Take the event first: `async def handler(event: Event[YourModel], ...) -> None`"
IMPORT_IT = "Define or import it at the top of the module, not in a function or under TYPE_CHECKING"


@dataclass(frozen=True, slots=True)
class EndpointSignature:
    """`connection` is the parameter that gets the connection; `is_own` if the handler does not know of it."""

    signature: inspect.Signature
    connection: str
    is_own: bool


def endpoint_signature(handler: Handler, place: str) -> EndpointSignature:
    """Derive FastAPI's view of `handler`. Raises HandlerUnsuitable."""
    first, *others = _parameters(handler, place)
    _check_event(first, handler, place)
    resolved = [_resolve(parameter, handler, place) for parameter in others]
    # FastAPI fills only one parameter with the connection, so that a handler which wants it shares it.
    shared = next((item.name for item in resolved if _bare(item.annotation) is HTTPConnection), None)
    if shared is not None:
        return EndpointSignature(inspect.Signature(resolved), shared, False)
    own = inspect.Parameter(first.name, inspect.Parameter.KEYWORD_ONLY, annotation=HTTPConnection)
    return EndpointSignature(inspect.Signature([*resolved, own]), first.name, True)


def _parameters(handler: Handler, place: str) -> list[inspect.Parameter]:
    try:
        parameters = list(inspect.signature(handler).parameters.values())
    except NameError as error:  # Python 3.14 evaluates annotations only now
        raise HandlerUnsuitable(place, "has a parameter of unknown type", f"{error}. {IMPORT_IT}") from None
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        raise HandlerUnsuitable(place, "does not take an event", EVENT_FIRST)
    for parameter in parameters[1:]:
        if parameter.kind not in (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        ):
            advice = "FastAPI fills parameters by name; give each one a name"
            raise HandlerUnsuitable(place, f"takes '{parameter}'", advice)
    return parameters


def _check_event(first: inspect.Parameter, handler: Handler, place: str) -> None:
    """A handler annotated with its payload is a common slip, and would meet an Event at run time."""
    try:
        annotation = _bare(_evaluate(first.annotation, handler))
    except NameError:
        return  # imported for type checkers only, which is all that it is needed for
    is_known = annotation is not inspect.Parameter.empty and isinstance(annotation, type)
    if is_known and annotation is not object and not issubclass(annotation, Event):
        raise HandlerUnsuitable(place, f"takes {annotation.__name__}, but is given an Event", EVENT_FIRST)


def _resolve(parameter: inspect.Parameter, handler: Handler, place: str) -> inspect.Parameter:
    try:
        annotation = _evaluate(parameter.annotation, handler)
    except NameError as error:
        advice = f"{error}. Import it at the top of the module, not under TYPE_CHECKING"
        raise HandlerUnsuitable(
            place, f"has a parameter '{parameter.name}' of unknown type", advice
        ) from None
    return parameter.replace(annotation=annotation, kind=inspect.Parameter.KEYWORD_ONLY)


def _evaluate(annotation: Any, handler: Handler) -> Any:
    """Evaluate what `from __future__ import annotations` left as text, like `inspect.get_annotations`."""
    if not isinstance(annotation, str):
        return annotation
    function: Any = inspect.unwrap(handler)
    function = getattr(function, "__func__", function)
    if not isinstance(function, FunctionType):
        function = type(function).__call__
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    enclosing = {name: cell.cell_contents for name, cell in cells}
    return eval(annotation, {**function.__globals__, **enclosing})


def _bare(annotation: Any) -> Any:
    """The type without `Annotated`, and a generic class without its arguments."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return get_origin(annotation) or annotation
