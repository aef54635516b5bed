"""Dapr's Resiliency resource (`dapr.io/v1alpha1`) as frozen values; durations are in seconds.

Targets that are actors have no meaning here.
Source: Dapr, "Resiliency: Policies" and "Resiliency: Targets".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeVar

from outboard.errors import ResourceError, ResourcesInvalid
from outboard.resources.node import near

__all__ = [
    "CircuitBreaker",
    "CodeRange",
    "Policies",
    "Resiliency",
    "RetryPolicy",
    "Target",
    "merge",
    "unknown_policies",
]

FOREVER: Final = -1  # retries
APP_BASES: Final = ("App", "")
BUILT_IN: Final = Path("(built in)")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CodeRange:
    """Status codes from `first` to `last`, both included."""

    first: int
    last: int

    def __contains__(self, code: int) -> bool:
        return self.first <= code <= self.last


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long apart an attempt is repeated.

    `duration` is the pause of a constant policy; an exponential one starts at `initial_interval`, grows by
    `multiplier` with `randomization` of jitter up to `max_interval`, and ends after `max_elapsed`.
    `max_retries` of -1 is for ever. Empty code lists are all codes.
    """

    policy: Literal["constant", "exponential"] = "constant"
    duration: float = 5.0
    initial_interval: float = 0.5
    max_interval: float = 60.0
    multiplier: float = 1.5
    randomization: float = 0.5
    max_elapsed: float = 900.0
    max_retries: int = FOREVER
    http_codes: tuple[CodeRange, ...] = ()
    grpc_codes: tuple[CodeRange, ...] = ()


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """When attempts are no longer made.

    `trip` is a CEL expression over the counts since the last change. `interval` 0: they are never reset while
    the breaker is closed. `path` and `line` say where `trip` is written, or the breaker where it is not.
    """

    max_requests: int = 1
    interval: float = 0.0
    timeout: float = 60.0
    trip: str = "consecutiveFailures > 5"
    name: str = field(default="", compare=False)
    path: Path = field(default=BUILT_IN, compare=False)
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Target:
    """The names of the policies for one component in one direction; empty is none.

    `lines` tells the line in `path` of each name by its key: `timeout`, `retry`, `circuitBreaker`.
    """

    timeout: str = ""
    retry: str = ""
    circuit_breaker: str = ""
    path: Path = field(default=BUILT_IN, compare=False)
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Policies:
    """What applies to one component in one direction; a timeout is in seconds."""

    timeout: float | None = None
    retry: RetryPolicy | None = None
    circuit_breaker: CircuitBreaker | None = None


@dataclass(frozen=True, slots=True)
class Resiliency:
    """Policies by name, and which component, or app that is called, uses which. Inbound is delivery."""

    timeouts: Mapping[str, float] = field(default_factory=dict)
    retries: Mapping[str, RetryPolicy] = field(default_factory=dict)
    circuit_breakers: Mapping[str, CircuitBreaker] = field(default_factory=dict)
    inbound: Mapping[str, Target] = field(default_factory=dict)
    outbound: Mapping[str, Target] = field(default_factory=dict)
    apps: Mapping[str, Target] = field(default_factory=dict)
    name: str = ""
    scopes: tuple[str, ...] = ()
    path: Path = BUILT_IN
    line: int = 0
    elsewhere: frozenset[str] = frozenset()
    """The names of policies that targets name which are actors."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Where each policy, and each component that is a target, is written."""

    def line_of(self, name: str) -> int:
        """That of a policy or a target; of the document where it is not known."""
        return self.lines.get(name, self.line)

    @property
    def policy_names(self) -> tuple[str, ...]:
        """Of each kind, in the order of the file."""
        return (*self.timeouts, *self.retries, *self.circuit_breakers)

    @property
    def used_policies(self) -> frozenset[str]:
        """The names that its targets name."""
        targets = (*self.inbound.values(), *self.outbound.values(), *self.apps.values())
        return self.elsewhere | {
            name for each in targets for name in (each.timeout, each.retry, each.circuit_breaker) if name
        }

    def policies(self, component: str, kind: str, direction: Literal["inbound", "outbound"]) -> Policies:
        """What applies to `component`, of `kind` "Pubsub", "Statestore" or "Secretstore".

        Where it is no target, the policy with the most special of Dapr's default names applies:
        `DefaultPubsubComponentInboundRetryPolicy` before `DefaultRetryPolicy`.
        """
        target = (self.inbound if direction == "inbound" else self.outbound).get(component)
        if target is None:
            return self._defaults(_default_bases(kind, direction.capitalize()))
        return self._named(target)

    def app_policies(self, app: str) -> Policies:
        """What applies to calls of `app`; where it is no target, `DefaultApp…Policy` and `Default…Policy`."""
        target = self.apps.get(app)
        return self._defaults(APP_BASES) if target is None else self._named(target)

    def _defaults(self, bases: Sequence[str]) -> Policies:
        return Policies(
            _default(self.timeouts, bases, "Timeout"),
            _default(self.retries, bases, "Retry"),
            _default(self.circuit_breakers, bases, "CircuitBreaker"),
        )

    def _named(self, target: Target) -> Policies:
        return Policies(
            self.timeouts.get(target.timeout),
            self.retries.get(target.retry),
            self.circuit_breakers.get(target.circuit_breaker),
        )


def merge(resiliencies: Sequence[Resiliency]) -> Resiliency:
    """All of them as one; of policies and targets of the same name the later counts.

    Raises ResourceError for a policy that a target names in vain, ResourcesInvalid for several.
    """
    if errors := list(unknown_policies(resiliencies)):
        raise ResourcesInvalid.of(errors)
    return _merged(resiliencies)


def unknown_policies(resiliencies: Sequence[Resiliency]) -> Iterator[ResourceError]:
    """An error for each policy that a target names in vain: daprd goes on without a timeout or retries then,
    and ends with a panic without a circuit breaker.
    """
    resiliency = _merged(resiliencies)
    for target in (*resiliency.inbound.values(), *resiliency.outbound.values(), *resiliency.apps.values()):
        named = (
            ("timeout", target.timeout, resiliency.timeouts),
            ("retry", target.retry, resiliency.retries),
            ("circuitBreaker", target.circuit_breaker, resiliency.circuit_breakers),
        )
        for kind, name, policies in named:
            if name and name not in policies:
                advice = near(name, policies) or f"Define it under `spec.policies`, or remove `{kind}:`."
                line = target.lines.get(kind, 0)
                yield ResourceError(str(target.path), line, f"there is no {kind} policy `{name}`", advice)


def _merged(resiliencies: Sequence[Resiliency]) -> Resiliency:
    merged = Resiliency()
    for each in resiliencies:
        merged = Resiliency(
            {**merged.timeouts, **each.timeouts},
            {**merged.retries, **each.retries},
            {**merged.circuit_breakers, **each.circuit_breakers},
            {**merged.inbound, **each.inbound},
            {**merged.outbound, **each.outbound},
            {**merged.apps, **each.apps},
        )
    return merged


def _default_bases(kind: str, direction: str) -> tuple[str, ...]:
    return (f"{kind}Component{direction}", f"Component{direction}", "Component", "")


def _default(policies: Mapping[str, T], bases: Sequence[str], suffix: str) -> T | None:
    names = (f"Default{base}{suffix}Policy" for base in bases)
    return next((policies[name] for name in names if name in policies), None)
