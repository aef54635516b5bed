"""YAML in which every value knows the line it was written on.

Only the structure is read: no tag is ever turned into an object.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType
from typing import Final

import yaml

from outboard.errors import ResourceError
from outboard.resources.node import FALSE, NOWHERE, TRUE, Node, Scalar, Span, near

__all__ = ["Node", "Scalar", "load", "near", "read", "text_of"]

MAX_DEPTH: Final = 100
TOO_DEEP: Final = "exceeded maximum nesting depth"  # libyaml's own bound, with PyYAML 6.0.4 and newer
LINE_START: Final = re.compile(r"^[ \-?:]*", re.MULTILINE)
OTHER_BREAKS: Final = ("\x85", "\u2028", "\u2029")
"""What ends a line too, for YAML 1.1."""
YAML_TAG: Final = "tag:yaml.org,2002:"
MERGE_TAG: Final = YAML_TAG + "merge"
DECIMAL: Final = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
BOOLEAN: Final = "|".join(form for word in TRUE | FALSE for form in (word, word.title(), word.upper()))
SCHEMA: Final = (
    ("merge", r"<<\Z", "<"),
    ("null", r"(?:~|null|Null|NULL|)\Z", ("~", "n", "N", "")),
    ("bool", rf"(?:{BOOLEAN})\Z", "tTfFyYnNoO"),
    ("int", r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z", "-+0123456789"),
    ("float", rf"(?:{DECIMAL}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z", "-+.0123456789"),
)


def read(path: Path) -> list[Node]:
    """The documents of the file at `path`. Raises ResourceError."""
    return load(path, text_of(path))


def text_of(path: Path) -> str:
    """What stands in the file at `path`. Raises ResourceError where it cannot be read or is not UTF-8."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ResourceError(str(path), 1, f"cannot be read: {error.strerror}", "Check the file.") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ResourceError(str(path), line, "not UTF-8 text", "Save the file in UTF-8.") from error


def load(path: Path, text: str) -> list[Node]:
    """The documents of `text`, in order, empty ones left out. `path` is only used to name the place.

    Anchors, aliases and merge keys are resolved. Raises ResourceError for what is not YAML, and for a value
    that contains itself.
    """
    reader = _Reader(path)
    try:
        _refuse_depth(path, text)
        nodes = [reader.node(root) for root in yaml.compose_all(text, Loader=_Loader)]
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(path, text, error) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ResourceError(
            str(path), line, f"character {error.character!r} is not allowed in YAML", "Remove it."
        ) from error
    return [node for node in nodes if not node.absent]


def _refuse_depth(path: Path, text: str) -> None:
    # libyaml's composer recurses on the C stack: without a bound a hostile file ends the process.
    if _is_shallow(text):
        return  # as nearly every file: its events need not be looked at
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise _too_deep(path, _line(event))
    except yaml.MarkedYAMLError as error:
        # Its scanner reads ahead of the events, and may come to its bound before they come to ours.
        if error.problem == TOO_DEEP:
            raise _too_deep(path, error.problem_mark.line + 1 if error.problem_mark else 1) from error
        raise


def _is_shallow(text: str) -> bool:
    """Whether it cannot nest too deep: a level needs a bracket, or begins further right than the one around.

    A list may begin where the mapping around it does, so there are two levels a column at most.
    """
    if any(other in text for other in OTHER_BREAKS) or text.count("\r") != text.count("\r\n"):
        return False
    furthest = max(map(len, LINE_START.findall(text)), default=0)
    return text.count("[") + text.count("{") + 2 * (furthest + 1) < MAX_DEPTH


def _too_deep(path: Path, line: int) -> ResourceError:
    return ResourceError(str(path), line, f"nested more than {MAX_DEPTH} deep", "Flatten it.")


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """What an unquoted scalar may be, by its first character."""
    table: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for name, pattern, firsts in SCHEMA:
        for first in firsts:
            table.setdefault(first, []).append((YAML_TAG + name, re.compile(pattern)))
    return table


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads the structure, and the scalars that daprd's YAML knows: `yes` is one, 12:30 and dates are not."""

    yaml_implicit_resolvers = _resolvers()


class _Reader:
    """Turns PyYAML's nodes into ours; an aliased node is turned once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done: dict[int, tuple[yaml.Node, Node]] = {}  # holds the source, so that its id stays its own
        self._open: set[int] = set()

    def node(self, source: yaml.Node) -> Node:
        if id(source) in self._done:
            return self._done[id(source)][1]
        if id(source) in self._open:
            raise ResourceError(
                str(self._path),
                _line(source),
                "this value contains itself through an alias",
                "Remove the alias.",
            )
        self._open.add(id(source))
        node = self._convert(source)
        self._open.discard(id(source))
        self._done[id(source)] = source, node
        return node

    def _convert(self, source: yaml.Node) -> Node:
        span = _span(source)
        line = span.line or 1
        if isinstance(source, yaml.ScalarNode):
            return Node(_scalar(source), line, self._path, source.value, key_line=line, span=span)
        if isinstance(source, yaml.SequenceNode):
            items = tuple(self.node(item) for item in source.value)
            return Node(items, line, self._path, key_line=line, span=span)
        return Node(MappingProxyType(self._mapping(source)), line, self._path, key_line=line, span=span)

    def _mapping(self, source: yaml.Node) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in source.value:
            if key.tag == MERGE_TAG:
                self._merge(merged, self.node(value))
            else:
                self._put(own, key, value)
        return merged | own

    def _put(self, entries: dict[str, Node], key: yaml.Node, value: yaml.Node) -> None:
        if not isinstance(key, yaml.ScalarNode):
            raise ResourceError(str(self._path), _line(key), "a key must be a single word", "Correct it.")
        earlier = entries[key.value].key_line if key.value in entries else 0
        node = self.node(value)
        span = _span(key)
        entries[key.value] = Node(  # not `replace`: a large file has many
            node.value, node.line, node.path, node.text, key.value, span.line or 1, earlier, node.span, span
        )

    def _merge(self, into: dict[str, Node], node: Node) -> None:
        # Of several merged mappings the first has precedence (YAML merge key, type `merge`).
        for source in node.items() if isinstance(node.value, tuple) else (node,):
            for key, value in source.fields().items():
                into.setdefault(key, value)


def _line(source: yaml.Node | yaml.Event) -> int:
    return int(source.start_mark.line) + 1 if source.start_mark is not None else 1


def _span(source: yaml.Node) -> Span:
    start, end = source.start_mark, source.end_mark
    if start is None or end is None:
        return NOWHERE
    return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _scalar(source: yaml.ScalarNode) -> Scalar:
    text: str = source.value
    try:
        match source.tag.removeprefix(YAML_TAG):
            case "null":
                return None
            case "bool":
                return text.lower() in TRUE
            case "int":
                return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
            case "float":
                return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        pass  # an explicit `!!int` on a word, or more digits than Python converts: the text is what there is
    return text


def _syntax_error(path: Path, text: str, error: yaml.MarkedYAMLError) -> ResourceError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else 1
    written = text.splitlines()[line - 1] if line <= len(text.splitlines()) else ""
    said = ", ".join(part for part in (error.context, error.problem) if part)
    return ResourceError(str(path), line, f"not valid YAML: {said}", _syntax_advice(written, said))


def _syntax_advice(written: str, said: str) -> str:
    indent = written[: len(written) - len(written.lstrip())]
    if "\t" in indent or "'\\t'" in said:
        return "YAML is indented with spaces: replace the tab."
    if "mapping values are not allowed" in said:
        return "Check the indentation of this line and the one before, and quote a value that contains `: `."
    if "could not find expected ':'" in said:
        return "Check for a missing colon, here or in the line before."
    if "block" in said or "indent" in said:
        return "Check the indentation: keys of one mapping start in the same column."
    return "Correct the syntax here or in the lines just before."
