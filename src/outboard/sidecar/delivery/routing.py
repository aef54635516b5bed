"""Which path of the app an event goes to: the first rule of its subscription that matches.

Source: Dapr, "Route messages to different event handlers"; rules are written in CEL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from outboard.wire.subscriptions import Json, Rule

__all__ = ["RouteFailed", "Routes", "RuleInvalid", "compile_rules"]


MATCHES: Final = re.compile(r"(?<![.\w])matches\s*\(")
# A literal, which is left alone, or the presence test of a dotted name.
LITERAL_OR_HAS: Final = re.compile(
    r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?<![.\w])has\(\s*([A-Za-z_][\w.]*)\.(\w+)\s*\)"""
)


class RuleInvalid(ValueError):
    """A rule's `match` is not a CEL expression."""


class RouteFailed(Exception):
    """A rule could not be evaluated for an event; that is a failure, and not "does not match"."""


class _Program(Protocol):
    def execute(self, context: Any) -> object: ...


@dataclass(frozen=True, slots=True)
class Routes:
    """The rules of one subscription, compiled. Of a rule without `match` the program is None."""

    rules: tuple[tuple[Rule, _Program | None], ...]

    @property
    def only_path(self) -> str | None:
        """The path that every event goes to, None where that depends on the event."""
        return self.rules[0][0].path if self.rules and self.rules[0][1] is None else None

    def path_for(self, event: Mapping[str, Json] | str) -> str | None:
        """The path of the first rule that matches, None where none does.

        `event` is the CloudEvent, with every number a float. Raises RouteFailed.
        """
        for rule, program in self.rules:
            if program is None or _matches(rule, program, event):
                return rule.path
        return None


def compile_rules(rules: Sequence[Rule]) -> Routes:
    """Raises RuleInvalid with the expression and what is wrong with it."""
    return Routes(tuple((rule, _compile(rule.match)) for rule in rules))


def _compile(match: str) -> _Program | None:
    if not match.strip():
        return None
    import cel  # 6 MB of machine code: only where a rule asks for it

    try:
        return cel.compile(LITERAL_OR_HAS.sub(_present, match))
    except ValueError as error:
        raise RuleInvalid(f"`match: {match}` is not a CEL expression: {_first_line(error)}") from error


def _present(found: re.Match[str]) -> str:
    """The test worded so that a text, a number or null has no members: to the library that is an error."""
    owner = found[1]
    return f"(type({owner}) in [map, list] ? {found[0]} : false)" if owner else found[0]


def _matches(rule: Rule, program: _Program, event: Mapping[str, Json] | str) -> bool:
    try:
        result = program.execute(_context(rule, event))
    except KeyError as error:
        raise RouteFailed(f"no such key: {error.args[0]}") from error
    except (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError) as error:
        raise RouteFailed(_first_line(error)) from error
    if not isinstance(result, bool):
        raise RouteFailed(f"the result of match expression {rule.match} was not a boolean")
    return result


def _context(rule: Rule, event: Mapping[str, Json] | str) -> object:
    variables: dict[str, object] = {"event": event}
    if not MATCHES.search(rule.match):
        return variables
    import cel

    context = cel.Context(variables)  # the library knows `text.matches(pattern)`, but not the function
    context.add_function("matches", _text_matches)
    return context


def _text_matches(text: str, pattern: str) -> object:
    import cel

    return cel.evaluate("text.matches(pattern)", {"text": text, "pattern": pattern})


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
