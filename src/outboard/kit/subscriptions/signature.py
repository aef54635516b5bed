"""The signature under which FastAPI sees a handler: the author's, with a connection in place of the event."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import CellType, FunctionType
from typing import Annotated, Any, Final, get_args, get_origin

from starlette.requests import HTTPConnection

from outboard.errors import HandlerUnsuitable
from outboard.kit.arguments import shown
from outboard.kit.subscriptions.data_types import Misfit, misfit
from outboard.kit.subscriptions.declaration import Handler
from outboard.wire.events import Event

__all__ = ["EndpointSignature", "ExpectedParameter", "endpoint_signature", "event_of", "events_of"]

FUNCTION_ADVICE: Final = "Declare a function, a method or an object with `__call__`, which may call it"
EMPTY_CELL: Final = CellType()
"""What a function has of a name around it that has no value yet."""
IMPORT_IT = "Define or import it at the top of the module, not in a function or under TYPE_CHECKING"


@dataclass(frozen=True, slots=True)
class ExpectedParameter:
    """What a handler is given, in words, and how to write that."""

    given: str
    advice: str
    fits: Callable[[Any], str | None]
    """From the annotation of the first parameter to what it is instead, None if it is right."""
    misfit: Callable[[Any], Misfit | None]
    """From that annotation to what is wrong with the type of its data, None if nothing is."""


def _instead_of_event(annotation: Any) -> str | None:
    bare = _bare(annotation)
    return None if not _is_class(bare) or issubclass(bare, Event) else str(bare.__name__)


def _instead_of_events(annotation: Any) -> str | None:
    bare = _bare(annotation)
    if not _is_class(bare):
        return None
    if not issubclass(list, bare):
        return str(bare.__name__)
    inside = next((_instead_of_event(item) for item in get_args(_plain(annotation))), None)
    return f"{bare.__name__} of {inside}" if inside else None


def event_of(model: object, *, is_matched: bool) -> ExpectedParameter:
    """An event of a topic of `model`; `is_matched` where a rule may choose among the types of a union."""
    return ExpectedParameter(
        "an Event",
        "Take the event first: `async def handler(event: Event[YourModel], ...) -> None`; `subscribe_batch` "
        "gives many at once",
        _instead_of_event,
        lambda annotation: misfit(annotation, model, is_matched=is_matched),
    )


def events_of(model: object, *, is_matched: bool) -> ExpectedParameter:
    """Events of a topic of `model`, in a batch; as `event_of`."""
    return ExpectedParameter(
        "a list of events",
        "Take the events first: `async def handler(events: Sequence[Event[YourModel]], ...) -> None`; "
        "`subscribe` gives one at a time",
        _instead_of_events,
        lambda annotation: next(
            (misfit(item, model, is_matched=is_matched) for item in get_args(_plain(annotation))), None
        ),
    )


@dataclass(frozen=True, slots=True)
class EndpointSignature:
    """`connection` is the parameter that gets the connection; `is_own` if the handler does not know of it."""

    signature: inspect.Signature
    connection: str
    is_own: bool


def endpoint_signature(handler: Handler, place: str, takes: ExpectedParameter) -> EndpointSignature:
    """Derive FastAPI's view of `handler`. Raises HandlerUnsuitable."""
    first, *others = _parameters(handler, place, takes)
    _check_first(first, handler, place, takes)
    resolved = [_resolve(parameter, handler, place) for parameter in others]
    # FastAPI fills only one parameter with the connection, so that a handler which wants it shares it.
    shared = next((item.name for item in resolved if _bare(item.annotation) is HTTPConnection), None)
    if shared is not None:
        return EndpointSignature(inspect.Signature(resolved), shared, False)
    own = inspect.Parameter(first.name, inspect.Parameter.KEYWORD_ONLY, annotation=HTTPConnection)
    return EndpointSignature(inspect.Signature([*resolved, own]), first.name, True)


def _parameters(handler: Handler, place: str, takes: ExpectedParameter) -> list[inspect.Parameter]:
    given: object = handler
    if isinstance(given, functools.partial | type) or not callable(given):
        raise HandlerUnsuitable(place, f"is {shown(handler)}, no function", FUNCTION_ADVICE)
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise HandlerUnsuitable(place, "is a generator, which nobody would run", "Write it without `yield`")
    try:
        parameters = list(inspect.signature(handler).parameters.values())
    except ValueError:
        raise HandlerUnsuitable(place, "does not tell its parameters", FUNCTION_ADVICE) from None
    except NameError as error:  # Python 3.14 evaluates annotations only now
        raise HandlerUnsuitable(place, "has a parameter of unknown type", f"{error}. {IMPORT_IT}") from None
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        raise HandlerUnsuitable(place, f"does not take {takes.given}", takes.advice)
    for parameter in parameters[1:]:
        if parameter.kind not in (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        ):
            advice = "FastAPI fills parameters by name; give each one a name"
            raise HandlerUnsuitable(place, f"takes '{parameter}'", advice)
    return parameters


def _check_first(first: inspect.Parameter, handler: Handler, place: str, takes: ExpectedParameter) -> None:
    """A handler annotated with its payload is a common slip, and would meet an Event at run time."""
    try:
        annotation = _evaluate(first.annotation, handler)
    except NameError:
        return  # imported for type checkers only, which is all that it is needed for
    instead = takes.fits(annotation)
    if instead is not None:
        raise HandlerUnsuitable(place, f"takes {instead}, but is given {takes.given}", takes.advice)
    if wrong := takes.misfit(annotation):
        raise HandlerUnsuitable(place, f"takes {wrong.asked}, but is given {wrong.given}", wrong.advice)


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
    enclosing = {name: cell.cell_contents for name, cell in cells if cell != EMPTY_CELL}
    return eval(annotation, {**function.__globals__, **enclosing})


def _is_class(annotation: Any) -> bool:
    """Whether it is a class that says something of what is wanted."""
    return isinstance(annotation, type) and annotation not in (inspect.Parameter.empty, object)


def _plain(annotation: Any) -> Any:
    """The type without `Annotated`."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _bare(annotation: Any) -> Any:
    """The type without `Annotated`, and a generic class without its arguments."""
    plain = _plain(annotation)
    return get_origin(plain) or plain
