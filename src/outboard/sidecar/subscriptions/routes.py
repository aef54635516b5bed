"""Which path of the app an event goes to: the first rule of its subscription that matches. Pure.

Source: Dapr, "Route messages to different event handlers"; rules are written in CEL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outboard import cel
from outboard.errors import ExtraMissing
from outboard.gojson.values import Json
from outboard.wire.subscriptions import Rule

__all__ = ["RouteFailed", "Routes", "RuleInvalid", "compile_rules"]


class RuleInvalid(ValueError):
    """A rule's `match` is not a CEL expression."""


class RouteFailed(Exception):
    """A rule could not be evaluated for an event; that is a failure, and not "does not match"."""


@dataclass(frozen=True, slots=True)
class Routes:
    """The rules of one subscription, compiled. A rule without `match` has no expression: None."""

    rules: tuple[tuple[Rule, cel.Expression | None], ...]

    @property
    def only_path(self) -> str | None:
        """The path that every event goes to, None where that depends on the event."""
        return self.rules[0][0].path if self.rules and self.rules[0][1] is None else None

    def path_for(self, event: Mapping[str, Json] | str) -> str | None:
        """The path of the first rule that matches, None where none does.

        `event` is the CloudEvent, with every number a float. Raises RouteFailed.
        """
        for rule, expression in self.rules:
            if expression is None or _matches(expression, event):
                return rule.path
        return None


def compile_rules(rules: Sequence[Rule]) -> Routes:
    """Raises RuleInvalid with the expression and what is wrong with it."""
    return Routes(tuple((rule, _compile(rule.match)) for rule in rules))


def _compile(match: str) -> cel.Expression | None:
    if not match.strip():
        return None
    try:
        return cel.compile(match)
    except cel.ExpressionInvalid as error:
        raise RuleInvalid(
            f"`match: {match}` is not a CEL expression that Dapr can evaluate: {error}"
        ) from error
    except ExtraMissing as error:
        raise RuleInvalid(f"`match: {match}` cannot be evaluated here: {error}") from error


def _matches(expression: cel.Expression, event: Mapping[str, Json] | str) -> bool:
    try:
        result = expression.evaluate({"event": event})
    except cel.EvaluationFailed as error:
        raise RouteFailed(str(error)) from error
    if not isinstance(result, bool):
        raise RouteFailed(f"the result of match expression {expression.text} was not a boolean")
    return result
