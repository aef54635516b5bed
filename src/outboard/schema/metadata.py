"""The metadata of one type of component, as JSON Schema. Pure.

A field is known in any case and by its other names, as daprd knows it. Where a value is filled in later by
another program, a placeholder may stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from outboard.facts.catalogue import AuthProfile, ComponentFacts, FieldFacts
from outboard.facts.corrections import ANONYMOUS, CASE_SENSITIVE
from outboard.schema.keywords import ANY_CASE_PLACEHOLDER, JsonSchema, any_case, has_item, named

__all__ = ["metadata_schema", "needs_metadata"]

KAFKA: Final = frozenset({"pubsub.kafka", "bindings.kafka"})
DISCRIMINATOR: Final = "authType"
BY_ITSELF: Final = "awsiam"
"""The way to authenticate whose fields may all come from the machine."""
IN_PARTS: Final = {"connectionString": ("host", "hostaddr")}
"""What may be given in parts: name → the first of them."""
SCALAR: Final = ["string", "number", "boolean", "null"]
NUMBER: Final = r"^\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*$"
DURATION: Final = r"^\s*[-+]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+\s*$|^R?\d*/?P[0-9YMWDTHS.]+$"
SIZE: Final = r"^\s*\d+(\.\d+)?\s*([kKmMgGtTpPeE]?[iI]?[bB]?|[eE]\d+)\s*$"
TRUTH: Final = any_case(("y", "yes", "true", "t", "on", "1", "n", "no", "false", "f", "off", "0"))
BLANK: Final = r"^\s*$"
SHAPES: Final = {"number": (NUMBER, DURATION), "duration": (DURATION, NUMBER), "bytesize": (SIZE,)}
KINDS: Final = {
    "bool": "`true` or `false`",
    "number": "a number",
    "duration": "a duration, as `30s` or `1m30s`",
    "bytesize": "a size, as `4Mi`",
    "string": "a text",
}


def needs_metadata(facts: ComponentFacts) -> bool:
    """Whether a component of this type cannot be without metadata."""
    return any(each.required for each in facts.own_fields) or facts.type in KAFKA


def metadata_schema(facts: ComponentFacts) -> JsonSchema:
    """What `spec.metadata` of this type may be."""
    rules = list(_requirements(facts))
    schema: dict[str, object] = {"items": _item(facts)}
    return schema | ({"allOf": rules} if rules else {})


# Which fields there are, and what they may be


def _item(facts: ComponentFacts) -> JsonSchema:
    known = [each for each in facts.fields.values() if "<" not in each.name]
    properties = {"name": _names(facts, known)} if known else {}
    values = list(_values(facts, known))
    return {"properties": properties, **({"allOf": values} if values else {})}


def _names(facts: ComponentFacts, known: Sequence[FieldFacts]) -> JsonSchema:
    """The names to choose from. Another is marked, mildly: the facts may not know all that daprd knows."""
    offered = {
        "enum": [each.name for each in known],
        "markdownEnumDescriptions": [_description(facts, each) for each in known],
    }
    either: JsonSchema = {"anyOf": [offered, {"type": "string"}]}
    if _takes_any(facts, known):
        return either
    told = f"{facts.type} is not known to have this field. Where it has not, it is ignored silently."
    return {**either, "if": {"not": _known(facts, known)}, "then": {"deprecationMessage": told}}


def _takes_any(facts: ComponentFacts, known: Sequence[FieldFacts]) -> bool:
    """Whether the user makes up names of fields."""
    return facts.category == "middleware" or len(known) < len(facts.fields)


def _known(facts: ComponentFacts, known: Sequence[FieldFacts]) -> JsonSchema:
    """A name that is known, in the right case where case counts."""
    exact = {each.lower() for each in CASE_SENSITIVE.get(facts.type, ())}
    folded = [each.name for each in known if each.name.lower() not in exact]
    others = [name for each in folded for name in _other_names(facts, each)]
    pattern = f"{any_case([*folded, *others])}|:|{ANY_CASE_PLACEHOLDER}"
    return {"anyOf": [{"enum": [each.name for each in known]}, {"type": "string", "pattern": pattern}]}


def _values(facts: ComponentFacts, known: Sequence[FieldFacts]) -> Iterator[JsonSchema]:
    """What the value of each field may be, those that may be the same together."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for each in known:
        if each.allowed or each.type in ("bool", *SHAPES):
            key = ("", tuple(dict.fromkeys(each.allowed))) if each.allowed else (each.type, ())
            groups.setdefault(key, []).extend((each.name, *_other_names(facts, each.name)))
    for (kind, allowed), names in groups.items():
        value = _one_of(allowed) if allowed else _of_kind(kind)
        yield {"if": named(names), "then": {"properties": {"value": value}}}


def _of_kind(kind: str) -> JsonSchema:
    message = f"Write {KINDS[kind]}."
    if kind == "bool":
        texts = {"pattern": f"{TRUTH}|{BLANK}|{ANY_CASE_PLACEHOLDER}", "patternErrorMessage": message}
        return {"type": SCALAR, "examples": ["true", "false"], **texts}
    pattern = "|".join((*SHAPES[kind], BLANK, ANY_CASE_PLACEHOLDER))
    return {
        "type": ["string", "number", "null"],
        "pattern": pattern,
        "patternErrorMessage": message,
        "errorMessage": message,
    }


def _one_of(allowed: Sequence[str]) -> JsonSchema:
    """One of `allowed`, in any case; a number or a boolean where it is one of them without quotes."""
    plain: list[JsonSchema] = [{"type": "null"}]
    if any(each.lower() in ("true", "false") for each in allowed):
        plain.append({"type": "boolean"})
    numbers = [float(each) for each in allowed if each.replace(".", "", 1).isdigit()]
    if numbers:
        plain.append({"enum": [int(each) if each.is_integer() else each for each in numbers]})
    written = {"type": "string", "pattern": f"{any_case(allowed)}|{BLANK}|{ANY_CASE_PLACEHOLDER}"}
    told = f"Write one of {', '.join(allowed)}."
    return {"anyOf": [{"enum": list(allowed), "errorMessage": told}, written, *plain]}


def _description(facts: ComponentFacts, field: FieldFacts) -> str:
    parts = [KINDS.get(field.type, "")]
    if field.allowed:
        parts = ["one of " + ", ".join(f"`{each}`" for each in dict.fromkeys(field.allowed))]
    if field.default:
        parts.append(f"default `{field.default}`")
    profiles = [each.title for each in facts.profiles if field.name in {one.name for one in each.required}]
    if any(each.name == field.name and each.required for each in facts.own_fields):
        parts.append("required")
    elif profiles:
        parts.append(f"required for {', '.join(profiles)}")
    if field.direction:
        parts.append(f"{field.direction} only")
    if field.deprecated:
        parts.append("deprecated")
    if field.sensitive:
        parts.append("a secret: write `secretKeyRef` in the place of `value`")
    told = "; ".join(filter(None, parts))
    return told[:1].upper() + told[1:] + ("." if told else "")


# Which of them a component cannot be without


def _requirements(facts: ComponentFacts) -> Iterator[JsonSchema]:
    for each in facts.own_fields:
        if each.required and "<" not in each.name:
            yield _required(facts, each, "")
    if facts.type in KAFKA:
        yield _has(facts, (DISCRIMINATOR, "authRequired"), f"{facts.type} has no `authType`.")
        yield from _by_discriminator(facts)
    elif facts.type not in ANONYMOUS and facts.profiles and all(each.required for each in facts.profiles):
        yield _any_profile(facts)


def _by_discriminator(facts: ComponentFacts) -> Iterator[JsonSchema]:
    """What each way to authenticate needs beside its name."""
    for profile in facts.profiles:
        kind = next((each.allowed[0] for each in profile.fields if each.name == DISCRIMINATOR), "")
        needed = [each for each in profile.required if each.name != DISCRIMINATOR]
        if kind in ("", BY_ITSELF) or not needed:
            continue
        chosen = named((DISCRIMINATOR,))
        value = {"properties": {"value": {"pattern": any_case((kind,))}}, "required": ["value"]}
        yield {
            "if": {"contains": {"allOf": [chosen, value]}},
            "then": {"allOf": [_required(facts, each, profile.title) for each in needed]},
        }


def _any_profile(facts: ComponentFacts) -> JsonSchema:
    """One of the ways to authenticate has all that it needs, unless a field is not known, which may be it."""
    known = [each for each in facts.fields.values() if "<" not in each.name]
    complete: list[JsonSchema] = [_complete(facts, each) for each in facts.profiles]
    certain = {"items": {"properties": {"name": _known(facts, known)}}}
    shortest = min(facts.profiles, key=lambda each: len(each.required))
    return {
        "if": {"allOf": [certain, {"not": {"anyOf": complete}}]},
        "then": _complete(facts, shortest),
    }


def _complete(facts: ComponentFacts, profile: AuthProfile) -> JsonSchema:
    return {"allOf": [_required(facts, each, profile.title) for each in profile.required]}


def _required(facts: ComponentFacts, field: FieldFacts, profile: str) -> JsonSchema:
    why = f" ({profile})" if profile else ""
    return _has(facts, (field.name,), f"{facts.type} lacks `{field.name}`{why}.")


def _has(facts: ComponentFacts, names: Iterable[str], message: str) -> JsonSchema:
    every = [name for each in names for name in (each, *_other_names(facts, each))]
    return has_item(every, message)


def _other_names(facts: ComponentFacts, name: str) -> list[str]:
    others = [other for other, known in facts.aliases.items() if known == name.lower()]
    return [*others, *(each for each in IN_PARTS.get(name, ()) if each in facts.fields)]
