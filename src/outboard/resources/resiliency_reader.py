"""Reads Dapr's Resiliency resource. Source: Dapr, "Resiliency: Policies" and "Targets"; daprd 1.18."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NoReturn, TypeVar

from outboard.errors import ResourceError
from outboard.resources import duration
from outboard.resources.node import Node
from outboard.resources.resiliency import FOREVER, CircuitBreaker, CodeRange, Resiliency, RetryPolicy, Target

__all__ = ["parse", "problems"]

INTEGER: Final = re.compile(r"[-+]?[0-9]+\Z", re.ASCII)
CODES: Final = re.compile(r"([0-9]{1,3})(?:-([0-9]{1,3}))?\Z", re.ASCII)
HTTP_CODES: Final = CodeRange(100, 599)
GRPC_CODES: Final = CodeRange(0, 16)
TIMEOUTS: Final = "timeouts"
RETRIES: Final = "retries"
CIRCUIT_BREAKERS: Final = "circuitBreakers"
POLICY_KINDS: Final = (TIMEOUTS, RETRIES, CIRCUIT_BREAKERS)
LARGEST_COUNT: Final = 2**32 - 1
T = TypeVar("T")


def parse(document: Node) -> Resiliency:
    """The policies in `document`, of which apiVersion and kind are known to be right.

    Raises ResourceError for what cannot be read; daprd says so in its log and goes on without the policies.
    """
    metadata, spec = document.mapping("metadata"), document.require("spec")
    policies = spec.mapping("policies")
    timeouts = _each(policies, TIMEOUTS, _timeout)
    retries = _each(policies, RETRIES, _retry)
    breakers = _each(policies, CIRCUIT_BREAKERS, _circuit_breaker)
    targets = spec.mapping("targets")
    components = {} if targets is None else _fields(targets.mapping("components"))
    return Resiliency(
        timeouts=timeouts,
        retries=retries,
        circuit_breakers=breakers,
        inbound=_targets(components, "inbound"),
        outbound=_targets(components, "outbound"),
        apps={} if targets is None else _apps(targets),
        name="" if metadata is None else metadata.string("name"),
        scopes=document.strings("scopes"),
        path=document.path,
        line=document.line,
        elsewhere=frozenset(_named_elsewhere(targets)),
        lines=_lines(policies, components),
    )


def problems(document: Node) -> Iterator[ResourceError]:
    """Why `document` cannot be read: the first reason of each policy, or else the only one there is."""
    try:
        parse(document)
    except ResourceError as error:
        found = list(_of_policies(document))
        yield from found or [error]


def _of_policies(document: Node) -> Iterator[ResourceError]:
    readers: tuple[tuple[str, Callable[[Node], object]], ...] = (
        (TIMEOUTS, _timeout),
        (RETRIES, _retry),
        (CIRCUIT_BREAKERS, _circuit_breaker),
    )
    for key, read in readers:
        try:
            policies = document.require("spec").mapping("policies")
            for node in _fields(None if policies is None else policies.mapping(key)).values():
                try:
                    read(node)
                except ResourceError as error:
                    yield error
        except ResourceError as error:
            yield error


def _lines(policies: Node | None, components: Mapping[str, Node]) -> dict[str, int]:
    kinds = [None if policies is None else policies.mapping(key) for key in POLICY_KINDS]
    named = [*components.items(), *(item for kind in kinds for item in _fields(kind).items())]
    return {name: node.key_line for name, node in named}


def _named_elsewhere(targets: Node | None) -> Iterator[str]:
    """The names in the targets of actors, which this sidecar does not serve."""
    for target in _fields(None if targets is None else targets.mapping("actors")).values():
        yield from (
            node.as_string()
            for node in _fields(target).values()
            if not isinstance(node.value, tuple | Mapping)
        )


def _each(policies: Node | None, key: str, read: Callable[[Node], T]) -> dict[str, T]:
    entries = None if policies is None else policies.mapping(key)
    return {name: read(node) for name, node in _fields(entries).items()}


def _fields(node: Node | None) -> Mapping[str, Node]:
    return {} if node is None else node.fields()


def _timeout(node: Node) -> float:
    return _seconds(node)


def _retry(node: Node) -> RetryPolicy:
    defaults = RetryPolicy()
    policy = node.string("policy", "constant").lower()
    if policy not in ("constant", "exponential"):
        raise node.error(f"`policy: {policy}` is not a retry policy", "Write `constant` or `exponential`.")
    matching = node.mapping("matching")
    return RetryPolicy(
        policy="constant" if policy == "constant" else "exponential",
        duration=_seconds_of(node, "duration", defaults.duration),
        max_interval=_seconds_of(node, "maxInterval", defaults.max_interval),
        max_retries=max(node.integer("maxRetries", FOREVER), FOREVER),
        http_codes=_codes(matching, "httpStatusCodes", HTTP_CODES),
        grpc_codes=_codes(matching, "gRPCStatusCodes", GRPC_CODES),
    )


def _circuit_breaker(node: Node) -> CircuitBreaker:
    defaults, trip = CircuitBreaker(), node.get("trip")
    return CircuitBreaker(
        max_requests=_max_requests(node.get("maxRequests")) or defaults.max_requests,
        interval=max(_seconds_of(node, "interval", defaults.interval), 0.0),
        timeout=_positive(_seconds_of(node, "timeout", defaults.timeout), defaults.timeout),
        trip=node.string("trip") or defaults.trip,
        name=node.key,
        path=node.path,
        line=(trip or node).key_line,
    )


def _max_requests(found: Node | None) -> int:
    number = 0 if found is None else found.as_integer()
    if found is not None and not 0 <= number <= LARGEST_COUNT:
        raise found.error(f"`maxRequests: {number}` is not a number of requests", "Write 1 or more.")
    return number


def _positive(seconds: float, default: float) -> float:
    return seconds if seconds > 0 else default


def _seconds_of(node: Node, key: str, default: float) -> float:
    found = node.get(key)
    return default if found is None else _seconds(found)


def _seconds(node: Node) -> float:
    """A duration; a bare whole number is milliseconds, as daprd reads it here."""
    text = node.as_string().strip()
    if INTEGER.match(text):
        return int(text) / 1000
    try:
        return duration.parse(text)
    except ValueError as error:
        raise node.error(f"`{node.key}`: {error}", "Correct it.") from error


def _codes(matching: Node | None, key: str, valid: CodeRange) -> tuple[CodeRange, ...]:
    found = None if matching is None else matching.get(key)
    text = "" if found is None else found.as_string()
    if found is None or not text:
        return ()
    return tuple(_code_range(found, part, valid) for part in text.split(",") if part) or _no_codes(found)


def _code_range(node: Node, part: str, valid: CodeRange) -> CodeRange:
    match = CODES.match(part)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if first > last or first not in valid or last not in valid:
        example = "429,500-599" if valid == HTTP_CODES else "2,14"
        advice = f"Write for instance `{example}`, without spaces, from {valid.first} to {valid.last}."
        raise node.error(f"{part!r} is not a status code or a range of them", advice)
    return CodeRange(first, last)


def _no_codes(node: Node) -> NoReturn:
    raise node.error(f"`{node.key}` holds no status code", "Write `429,500-599`, or remove it.")


def _targets(components: Mapping[str, Node], direction: str) -> dict[str, Target]:
    # A component that is named for one direction only has no policy, and no default, for the other.
    return {name: _target(node.mapping(direction)) for name, node in components.items()}


def _apps(targets: Node) -> dict[str, Target]:
    return {name: _target(node) for name, node in _fields(targets.mapping("apps")).items()}


def _target(entry: Node | None) -> Target:
    if entry is None:
        return Target()
    names = {kind: entry.string(kind) for kind in ("timeout", "retry", "circuitBreaker")}
    lines = {kind: found.key_line for kind in names if (found := entry.get(kind)) is not None}
    return Target(names["timeout"], names["retry"], names["circuitBreaker"], entry.path, lines)
