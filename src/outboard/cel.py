"""CEL, the Common Expression Language, as daprd evaluates it: the standard library and no extension of it.

A name that an expression uses is a variable of any type, as in daprd; an evaluation that does not give it
fails. The expression is type-checked, so that `1 == "1"` is refused when it is compiled.

Source: the CEL specification ("Language Definition"); daprd 1.18, which compiles with cel-go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from outboard.errors import ExtraMissing

__all__ = ["EvaluationFailed", "Expression", "ExpressionInvalid", "compile"]

# A literal, which is left alone, or the presence test of a dotted name, or a quoted field name.
LITERAL_OR_HAS: Final = re.compile(
    r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?<![.\w])has\(\s*([A-Za-z_][\w.]*)\.(\w+)\s*\)|(`)"""
)
UNDECLARED: Final = re.compile(r"undeclared reference to '([^']*)'")
# What stands before and behind the library's own words, which are one sentence in the middle.
DETAIL: Final = re.compile(
    r"(?:[A-Z_]+: )?(?:ERROR: <input>:\d+:\d+: )?(.*?)(?: \(in container '[^']*'\))?(?: \[[A-Z_]+\])?\Z"
)
MISSING: Final = re.compile(r'Key not found in map : "?(.*?)"? *\Z')


class ExpressionInvalid(ValueError):
    """The text is not a CEL expression that daprd can evaluate; the error says why."""


class EvaluationFailed(Exception):
    """An expression has no value for these variables: a key that is not there, a division by zero."""


class _Kind(Protocol):
    def name(self) -> str: ...


class _Result(Protocol):
    def type(self) -> _Kind: ...
    def value(self) -> object: ...


class _Program(Protocol):
    def eval(self, *, data: Mapping[str, Any]) -> _Result: ...


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. `names` are the variables that it uses."""

    text: str
    names: frozenset[str]
    _program: _Program

    def evaluate(self, variables: Mapping[str, object]) -> object:
        """The value, for variables that are what JSON can hold: true, false, a number, a text, or more.

        Raises EvaluationFailed.
        """
        try:
            result = self._program.eval(data=variables)
            value = result.value()
        except (RuntimeError, ValueError, TypeError) as error:  # text that is not Unicode
            raise EvaluationFailed(_detail(error)) from error
        if value is not True and value is not False and result.type().name() == "ERROR":
            raise EvaluationFailed(_detail(value))
        return value


def compile(text: str) -> Expression:
    """Raises ExpressionInvalid, and ExtraMissing without the CEL library (`pip install 'outboard[cel]'`)."""
    if not text.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ExpressionInvalid("half of a surrogate pair is no text")
    worded = LITERAL_OR_HAS.sub(_worded, text)
    names: set[str] = set()
    while True:
        try:
            return Expression(text, frozenset(names), _program(worded, names))
        except RuntimeError as error:
            undeclared = {found[1].partition(".")[0] for found in UNDECLARED.finditer(str(error))}
            if not undeclared:
                raise ExpressionInvalid(_detail(error)) from error
            if undeclared <= names:  # used as a function, or as a method
                raise ExpressionInvalid(_unknown(undeclared)) from error
            names |= undeclared


def _program(text: str, names: set[str]) -> _Program:
    try:
        from cel_expr_python import cel  # 14 MB of machine code: only where there is an expression
    except ImportError as error:
        raise ExtraMissing("a CEL expression (a routing rule, a `trip`)", "cel-expr-python", "cel") from error
    program: _Program = cel.NewEnv(variables=dict.fromkeys(names, cel.Type.DYN)).compile(text)
    return program


def _worded(found: re.Match[str]) -> str:
    """The presence test worded so that a text, a number or null has no members, as in daprd.

    To the library that is an error. Raises ExpressionInvalid for a quoted name, which daprd does not know.
    """
    owner, quoted = found[1], found[3]
    if quoted:
        raise ExpressionInvalid('a field\'s name cannot be quoted with `; write it in brackets: x["a.b"]')
    return f"(type({owner}) in [map, list] ? {found[0]} : false)" if owner else found[0]


def _unknown(names: set[str]) -> str:
    told = ", ".join(f"`{name}`" for name in sorted(names))
    several = "are no functions" if len(names) > 1 else "is no function"
    return f"{told} {several} of CEL's standard library, which is all that Dapr knows"


def _detail(error: object) -> str:
    first = (str(error) or type(error).__name__).splitlines()[0]
    if missing := MISSING.search(first):
        return f"no such key: {missing[1]}"  # daprd's words
    found = DETAIL.match(first)
    return found[1] if found else first
