"""One value of a YAML file, which knows where it was written.

Scalars keep the text that was written, because daprd takes an unquoted `true` or `30` for a string wherever
a string is wanted.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from outboard.errors import ResourceError
from outboard.gojson.values import Json

__all__ = ["NOWHERE", "Node", "Scalar", "Span", "near", "nearest"]

Scalar: TypeAlias = "bool | int | float | str | None"

TRUE: Final = frozenset({"true", "yes", "on", "y"})
FALSE: Final = frozenset({"false", "no", "off", "n"})
LARGEST: Final = 4 * 1024 * 1024
"""Characters of a value that is written out."""
MOST_SHOWN: Final = 60
"""So many characters say which value is meant: a file that is another one altogether is one value."""
INTEGER: Final = re.compile(r"[-+]?[0-9]{1,19}\Z")


class Span(NamedTuple):
    """From one place of a file to another; lines and columns from 1, the end is behind the last character.

    What a mapping or a list spans reaches to where the next thing begins.
    """

    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0


NOWHERE: Final = Span()


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a YAML file.

    `value` is a scalar, a tuple of nodes or a mapping of nodes by key. `line` is where the value starts and
    `key_line` where its key stands (the same as `line` for what has no key), both from 1. `text` is a
    scalar as it was written, without quotes. `earlier_line` is where the same key stood before in the same
    mapping, 0 where it did not: of a key that is written twice the last counts, as in daprd.
    `span` is where exactly it stands, and `key_span` where its key does.
    """

    value: Scalar | tuple[Node, ...] | Mapping[str, Node]
    line: int
    path: Path
    text: str = ""
    key: str = ""
    key_line: int = field(default=0, compare=False)
    earlier_line: int = field(default=0, compare=False)
    span: Span = field(default=NOWHERE, compare=False)
    key_span: Span = field(default=NOWHERE, compare=False)

    def error(self, problem: str, advice: str) -> ResourceError:
        """The error to raise about this value: `problem` is a phrase, `advice` whole sentences."""
        return ResourceError(str(self.path), self.key_line or self.line, problem, advice)

    # This value, as a type

    @property
    def absent(self) -> bool:
        """Whether nothing, or `null`, is written here."""
        return self.value is None

    def fields(self) -> Mapping[str, Node]:
        """The mapping written here; empty for `null`. Raises ResourceError for anything else."""
        if self.value is None:
            return {}
        if isinstance(self.value, Mapping):
            return self.value
        raise self._unlike("a mapping (`key: value`)")

    def items(self) -> tuple[Node, ...]:
        """The list written here; empty for `null`. Raises ResourceError for anything else."""
        if self.value is None:
            return ()
        if isinstance(self.value, tuple):
            return self.value
        raise self._unlike("a list (`- item`)")

    def as_string(self) -> str:
        """The scalar's text, whether quoted or not; `null` is the empty string. Raises ResourceError."""
        if isinstance(self.value, tuple | Mapping):
            raise self._unlike("a single value")
        if "\0" in self.text:  # neither a path, nor a variable, nor a header may hold it
            raise self._unlike("text without a NUL character")
        return "" if self.value is None else self.text

    def as_boolean(self) -> bool:
        """`true` or `false` (`yes`, `on` and their like too, as daprd's YAML). Raises ResourceError."""
        word = self.as_string().lower()
        if word in TRUE or word in FALSE:
            return word in TRUE
        raise self._unlike("`true` or `false`")

    def as_integer(self) -> int:
        """A whole number. Raises ResourceError."""
        if INTEGER.match(self.as_string()):
            return int(self.text)
        raise self._unlike("a whole number")

    def plain(self) -> Json:
        """The value as plain Python: dict, list, str, int, float, bool or None.

        Raises ResourceError where aliases make far more of it than is written.
        """
        self.check_size()
        try:
            return self._plain()
        except RecursionError as error:
            raise self._too_deep() from error

    def check_size(self) -> None:
        """Raise ResourceError where aliases make far more of the value than is written."""
        try:
            size = self._size({})
        except RecursionError as error:  # aliases in what other aliases stand for: deeper than is written
            raise self._too_deep() from error
        if size > LARGEST:
            problem = f"this value, with its aliases, has more than {LARGEST} characters"
            raise self.error(problem, "Write it without aliases, or shorter.")

    def _too_deep(self) -> ResourceError:
        return self.error("with its aliases this value is nested too deep", "Write it without aliases.")

    def _plain(self) -> Json:
        if isinstance(self.value, Mapping):
            return {key: node._plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node._plain() for node in self.value]
        return self.value

    def repeated(self) -> Iterator[Node]:
        """What stands here and below, at any depth, under a key that was written before."""
        waiting: list[Node] = [self]
        seen: set[int] = set()
        while waiting:
            node = waiting.pop()
            if node.earlier_line:
                yield node
            if id(node.value) not in seen:  # aliases: what they share is looked at once
                seen.add(id(node.value))
                waiting += reversed(node._below())

    def _size(self, known: dict[int, int]) -> int:
        """The characters of its scalars and keys, aliases written out; what they share is counted once."""
        if not isinstance(self.value, tuple | Mapping):
            return len(self.text) + 1
        if id(self.value) not in known:
            known[id(self.value)] = 1 + sum(len(each.key) + each._size(known) for each in self._below())
        return known[id(self.value)]

    def _below(self) -> list[Node]:
        if isinstance(self.value, Mapping):
            return list(self.value.values())
        return list(self.value) if isinstance(self.value, tuple) else []

    # What stands under a key of this mapping

    def get(self, key: str) -> Node | None:
        """What stands under `key`, None where nothing does.

        A key that differs only in case is taken where the exact one is missing, as daprd does.
        """
        entries = self.fields()
        found = entries.get(key) or _by_folded_key(entries, key)
        return None if found is None or found.absent else found

    def require(self, key: str, advice: str = "") -> Node:
        """What stands under `key`. Raises ResourceError where nothing does."""
        found = self.get(key)
        if found is None or found.value == "":
            raise (found or self).error(f"`{key}` is missing", advice or f"Add `{key}:`.")
        return found

    def string(self, key: str, default: str = "") -> str:
        found = self.get(key)
        return default if found is None else found.as_string()

    def boolean(self, key: str, default: bool = False) -> bool:
        found = self.get(key)
        return default if found is None else found.as_boolean()

    def integer(self, key: str, default: int = 0) -> int:
        found = self.get(key)
        return default if found is None else found.as_integer()

    def strings(self, key: str) -> tuple[str, ...]:
        """The list of strings under `key`, empty where there is none."""
        return tuple(node.as_string() for node in self.sequence(key))

    def string_map(self, key: str) -> dict[str, str]:
        """The mapping of strings under `key`, empty where there is none."""
        found = self.get(key)
        return {} if found is None else {name: node.as_string() for name, node in found.fields().items()}

    def sequence(self, key: str) -> tuple[Node, ...]:
        """The list under `key`, empty where there is none."""
        found = self.get(key)
        return () if found is None else found.items()

    def mapping(self, key: str) -> Node | None:
        """The mapping under `key`, None where there is none."""
        found = self.get(key)
        if found is not None:
            found.fields()
        return found

    def unknown(self, known: Collection[str], *, fold_case: bool = False) -> Iterator[Node]:
        """The entries of this mapping whose key is none of `known`."""
        names = {name.lower() for name in known} if fold_case else set(known)
        for key, node in self.fields().items():
            if (key.lower() if fold_case else key) not in names:
                yield node

    def refuse_unknown(self, known: Collection[str], *, fold_case: bool = False) -> None:
        """Raise ResourceError for the first key that is none of `known`, with the near one if any."""
        for node in self.unknown(known, fold_case=fold_case):
            advice = near(node.key, known) or f"Known here: {', '.join(sorted(known))}."
            raise node.error(f"unknown key `{node.key}`", advice)

    def _unlike(self, expected: str) -> ResourceError:
        name = f"`{self.key}`" if self.key else "this value"
        return self.error(f"{name} must be {expected}, not {_describe(self)}", "Correct it.")


def near(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """ "Did you mean `x`?" for the one of `known` that looks most like `word`; empty where none does.

    `likeness` is from 0 (anything) to 1 (the same).
    """
    found = nearest(word, known, likeness)
    return f"Did you mean `{found}`?" if found else ""


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """The one of `known` itself; empty where none looks like `word`."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=likeness)
    return by_lower[found[0]] if found else ""


def _by_folded_key(entries: Mapping[str, Node], key: str) -> Node | None:
    return next((node for name, node in entries.items() if name.lower() == key.lower()), None)


def _describe(node: Node) -> str:
    if isinstance(node.value, Mapping):
        return "a mapping"
    if isinstance(node.value, tuple):
        return "a list"
    text = repr(node.text) if "\0" in node.text else node.text
    if len(text) > MOST_SHOWN:
        text = f"{text[:MOST_SHOWN]}…"
    return f"`{text}`" if text else "nothing"
