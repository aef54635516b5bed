"""Components: what their metadata fields may be. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from outboard.check.component import ComponentDocument, MetadataField
from outboard.check.corpus import Corpus
from outboard.check.rule import Edit, Hit, LintRule, Severity, at
from outboard.check.words import nearest
from outboard.facts.catalogue import FieldFacts
from outboard.resources import duration
from outboard.resources.quantity import parse_quantity

__all__ = ["RULES"]

NUMBER: Final = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\Z", re.ASCII)
WORDS: Final = frozenset({"y", "yes", "true", "t", "on", "1", "n", "no", "false", "f", "off", "0"})
ISO_DURATION: Final = re.compile(r"R?\d*/?P[0-9YMWDTHS.]+\Z")
RELATIVE: Final = {
    "state.sqlite": ("connectionString", "url"),
    "pubsub.sqlite": ("connectionString",),
    "secretstores.local.file": ("secretsFile",),
    "bindings.localstorage": ("rootPath",),
    "crypto.localstorage": ("path",),
    "crypto.dapr.localstorage": ("path",),
}
"""The fields that name a file or a folder on the machine."""


def invalid_value(corpus: Corpus) -> Iterator[Hit]:
    for _, each, facts in _known_values(corpus):
        if (wanted := _unlike(each.text.strip(), facts.type)) and not facts.allowed:
            yield at(each.place, f"`{each.name}: {_short(each.text)}` is not {wanted}", f"Write {wanted}.")


def value_not_allowed(corpus: Corpus) -> Iterator[Hit]:
    for _, each, facts in _known_values(corpus):
        allowed = facts.allowed
        if not allowed or each.text.strip().lower() in {value.lower() for value in allowed}:
            continue
        near = nearest(each.text.strip(), allowed)
        known = ", ".join(f"`{value}`" for value in dict.fromkeys(allowed))
        advice = f"Did you mean `{near}`?" if near else f"Write one of {known}."
        edits = (
            (Edit(str(each.place.path), each.place.span, near),) if near and each.value is not None else ()
        )
        yield at(each.place, f"`{each.name}` cannot be `{_short(each.text)}`", advice, edits=edits)


def invalid_key_prefix(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        each = component.by_name.get("keyprefix")
        if component.category == "state" and each is not None and each.known and "||" in each.text:
            yield at(each.place, "a key prefix cannot contain `||`")


def relative_path(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        for name in RELATIVE.get(component.type, ()):
            each = component.by_name.get(name.lower())
            if each is None or not each.known or not _is_relative(each.text.strip()):
                continue
            begins_in = _started_in(corpus, component)
            if not begins_in:
                yield at(each.place, f"`{_short(each.text)}` is relative")
            elif len(begins_in) > 1:
                folders = " and ".join(f"`{folder}`" for folder in begins_in)
                yield at(each.place, f"`{_short(each.text)}` is relative, and its apps start in {folders}")


def _started_in(corpus: Corpus, component: ComponentDocument) -> list[str]:
    """The folders in which a run file starts the apps that load `component`, and so their sidecars."""
    return sorted(
        {
            app.folder
            for app in corpus.run_apps
            if any(each is component for each in corpus.components_of(app.resources))
            and (not component.scopes or app.app_id in component.scopes)
        }
    )


def _known_values(corpus: Corpus) -> Iterator[tuple[ComponentDocument, MetadataField, FieldFacts]]:
    """The fields whose facts are known and whose value stands here."""
    for component in corpus.components:
        facts = component.facts(corpus.catalogue)
        for each in component.fields if facts is not None else ():
            found = facts.field(each.name) if facts is not None else None
            if found is not None and each.known and each.text.strip() and "{" not in each.text:
                yield component, each, found


def _unlike(value: str, kind: str) -> str:
    """What `value` is not, although its field is of `kind`; empty where it is."""
    match kind:
        case "bool":
            return "" if value.lower() in WORDS else "`true` or `false`"
        case "number":
            return "" if NUMBER.match(value) or _is_duration(value) else "a number"
        case "duration":
            return "" if _is_duration(value) else "a duration, as `30s` or `1m30s`"
        case "bytesize":
            return "" if _is_quantity(value) else "a size, as `4Mi`"
    return ""


def _is_duration(value: str) -> bool:
    if NUMBER.match(value) or ISO_DURATION.match(value):
        return True
    try:
        duration.parse(value)
    except ValueError:
        return False
    return True


def _is_quantity(value: str) -> bool:
    try:
        parse_quantity(value)
    except ValueError:
        return bool(re.fullmatch(r"\d+(\.\d+)?\s*[kKmMgGtT]?[iI]?[bB]?", value))
    return True


def _is_relative(path: str) -> bool:
    path = path.removeprefix("file:")
    memory = not path or ":memory:" in path or "mode=memory" in path
    return (
        not memory and not path.startswith(("/", "~", "\\", "//")) and not re.match(r"[A-Za-z]:[\\/]", path)
    )


def _short(value: str) -> str:
    return value if len(value) <= 40 and "\n" not in value else value.splitlines()[0][:37] + "…"


RULES: Final = (
    LintRule(
        "OB111",
        "invalid-value",
        Severity.error,
        "A metadata value is not of its field's type",
        "The component fails to start, or takes its default: what is not a boolean counts as `false`.",
        "Correct the value.",
        invalid_value,
    ),
    LintRule(
        "OB112",
        "value-not-allowed",
        Severity.error,
        "A metadata value is not one of those that its field may have",
        "The component fails to start, or takes its default silently.",
        "Write one of the values that it may have.",
        value_not_allowed,
    ),
    LintRule(
        "OB113",
        "invalid-key-prefix",
        Severity.error,
        "The key prefix of a state store contains `||`",
        "The component fails to start: `||` stands between the prefix and the key.",
        "Write `appid`, `name`, `namespace`, `none`, or a text without `||`.",
        invalid_key_prefix,
    ),
    LintRule(
        "OB114",
        "relative-path",
        Severity.note,
        "A path depends on the folder in which a sidecar starts",
        "A sidecar that starts in another folder finds no file there, or makes a new one. (`outboard run` "
        "starts a sidecar in the folder of its app.)",
        "Write the whole path, or start all sidecars in the same folder.",
        relative_path,
    ),
)
