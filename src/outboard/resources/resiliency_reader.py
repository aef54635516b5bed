"""Reads Dapr's Resiliency resource. Source: Dapr, "Resiliency: Policies" and "Targets"; daprd 1.18."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeVar

from outboard.resources import duration
from outboard.resources.node import Node, near
from outboard.resources.resiliency import FOREVER, CircuitBreaker, CodeRange, Resiliency, Retry, Target

__all__ = ["parse"]

INTEGER: Final = re.compile(r"-?[0-9]+\Z", re.ASCII)
CODES: Final = re.compile(r"([0-9]{1,3})(?:-([0-9]{1,3}))?\Z", re.ASCII)
T = TypeVar("T")


def parse(document: Node) -> Resiliency:
    """The policies in `document`, of which apiVersion and kind are known to be right.

    Raises ResourceError for what cannot be read, and for a target that names a policy that is not there.
    """
    metadata, spec = document.mapping("metadata"), document.require("spec")
    policies = spec.mapping("policies")
    timeouts = _each(policies, "timeouts", _timeout)
    retries = _each(policies, "retries", _retry)
    breakers = _each(policies, "circuitBreakers", _circuit_breaker)
    targets = spec.mapping("targets")
    components = {} if targets is None else _fields(targets.mapping("components"))
    known = {"timeout": set(timeouts), "retry": set(retries), "circuitBreaker": set(breakers)}
    return Resiliency(
        timeouts=timeouts,
        retries=retries,
        circuit_breakers=breakers,
        inbound=_targets(components, "inbound", known),
        outbound=_targets(components, "outbound", known),
        name="" if metadata is None else metadata.string("name"),
        scopes=document.strings("scopes"),
        path=document.path,
        line=document.line,
    )


def _each(policies: Node | None, key: str, read: Callable[[Node], T]) -> dict[str, T]:
    entries = None if policies is None else policies.mapping(key)
    return {name: read(node) for name, node in _fields(entries).items()}


def _fields(node: Node | None) -> Mapping[str, Node]:
    return {} if node is None else node.fields()


def _timeout(node: Node) -> float:
    return _seconds(node)


def _retry(node: Node) -> Retry:
    defaults = Retry()
    policy = node.string("policy", "constant").lower()
    if policy not in ("constant", "exponential"):
        raise node.error(f"`policy: {policy}` is not a retry policy", "Write `constant` or `exponential`.")
    matching = node.mapping("matching")
    return Retry(
        policy="constant" if policy == "constant" else "exponential",
        duration=_seconds_of(node, "duration", defaults.duration),
        max_interval=_seconds_of(node, "maxInterval", defaults.max_interval),
        max_retries=max(node.integer("maxRetries", FOREVER), FOREVER),
        http_codes=_codes(matching, "httpStatusCodes"),
        grpc_codes=_codes(matching, "gRPCStatusCodes"),
    )


def _circuit_breaker(node: Node) -> CircuitBreaker:
    defaults = CircuitBreaker()
    return CircuitBreaker(
        max_requests=node.integer("maxRequests", defaults.max_requests) or defaults.max_requests,
        interval=_seconds_of(node, "interval", defaults.interval),
        timeout=_seconds_of(node, "timeout", defaults.timeout),
        trip=node.string("trip") or defaults.trip,
    )


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


def _codes(matching: Node | None, key: str) -> tuple[CodeRange, ...]:
    found = None if matching is None else matching.get(key)
    text = "" if found is None else found.as_string()
    ranges = []
    for part in filter(None, map(str.strip, text.split(","))):
        match = CODES.match(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if found is not None and first > last:
            raise found.error(f"{part!r} is not a status code or a range of them", "Write `429,500-599`.")
        ranges.append(CodeRange(first, last))
    return tuple(ranges)


def _targets(
    components: Mapping[str, Node], direction: str, known: Mapping[str, Collection[str]]
) -> dict[str, Target]:
    targets: dict[str, Target] = {}
    for name, node in components.items():
        entry = node.mapping(direction)
        if entry is not None:
            names = {kind: _policy_name(entry, kind, policies) for kind, policies in known.items()}
            targets[name] = Target(names["timeout"], names["retry"], names["circuitBreaker"])
        else:
            targets[name] = Target()
    return targets


def _policy_name(entry: Node, kind: str, policies: Collection[str]) -> str:
    found = entry.get(kind)
    name = "" if found is None else found.as_string()
    if found is not None and name and name not in policies:
        advice = near(name, policies) or f"Define it under `spec.policies`, or remove `{kind}:`."
        raise found.error(f"there is no {kind} policy `{name}`", advice)
    return name
