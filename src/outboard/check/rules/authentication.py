"""Components: how they authenticate, and where their secrets stand. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.check.component import ComponentDocument
from outboard.check.corpus import Corpus
from outboard.check.document import child
from outboard.check.rule import Edit, Hit, LintRule, Severity, at
from outboard.check.rules.components import is_alias_possible
from outboard.check.words import nearest
from outboard.facts.catalogue import AuthProfile, ComponentFacts
from outboard.facts.corrections import ANONYMOUS
from outboard.resources.node import Span

__all__ = ["RULES"]

KAFKA: Final = frozenset({"pubsub.kafka", "bindings.kafka"})
DISCRIMINATOR: Final = "authType"
SWITCHES: Final = frozenset({"tlsenable", "useawsiam", "useazuread", "useentraid", "anonymous"})
"""Fields that choose a way to authenticate when they are true."""
OF_ANY_PROFILE: Final = (
    "accountname azureclientid azuretenantid bucketname configfileauthentication couchbaseurl database "
    "enabletls endpoint eventhub eventhubnamespace host instanceprincipalauthentication namespacename "
    "natsurl projectid project_id region regionid type url workername workerurl"
)
GENERAL: Final = frozenset(OF_ANY_PROFILE.split())
"""Fields of profiles that choose none: they say where something is, or count without a profile too."""
YES: Final = frozenset({"true", "yes", "on", "y", "1", "t"})


def missing_auth_type(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        if component.type not in KAFKA or component.document.spec is None or component.is_unlisted:
            continue
        if component.has(DISCRIMINATOR) or component.has("authRequired"):
            continue
        if any(
            nearest(each.name, [DISCRIMINATOR])
            for each in component.fields
            if each.name.lower() != "authtype"
        ):
            continue  # it is misspelled, which another rule tells
        found = component.by_name.get("authtype")
        place = found.place if found else child(component.document.spec, "metadata") or component.type_node
        if place is not None:
            yield at(place, f"{component.type} has no `authType`", edits=_add_auth_type(component))


def incomplete_authentication(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        facts = component.facts(corpus.catalogue)
        if facts is None or not facts.profiles or is_alias_possible(component, facts):
            continue
        if component.is_unlisted:
            continue
        profiles = _chosen(component, facts)
        missing = [_missing(component, facts, each) for each in profiles]
        if not profiles or not all(missing):
            continue
        began = [
            (profile, names)
            for profile, names in zip(profiles, missing, strict=True)
            if _is_begun(component, facts, profile)
        ]
        if not began and component.type in (ANONYMOUS | KAFKA):
            continue
        profile, names = min(began or zip(profiles, missing, strict=True), key=lambda each: len(each[1]))
        if not began and len(profiles) > 1 and any(len(each) > 1 for each in missing):
            names = names[:1]
        place = child(component.document.spec, "metadata") or component.type_node
        if place is not None:
            told = ", ".join(f"`{each}`" for each in names)
            yield at(place, f"{component.type} lacks {told} ({profile.title})")


def _add_auth_type(component: ComponentDocument) -> tuple[Edit, ...]:
    """`authType: none` before the first item, in its column."""
    if not component.fields or component.by_name.get("authtype") is not None:
        return ()
    first = component.fields[0].name_node
    if first.key_span.line != component.fields[0].item.span.line:
        return ()
    here = Span(first.key_span.line, first.key_span.column, first.key_span.line, first.key_span.column)
    indent, dash = " " * (first.key_span.column - 1), " " * (first.key_span.column - 3)
    return (Edit(str(first.path), here, f"name: {DISCRIMINATOR}\n{indent}value: none\n{dash}- "),)


def _chosen(component: ComponentDocument, facts: ComponentFacts) -> tuple[AuthProfile, ...]:
    """The profiles that may be meant; none where it is not known."""
    if component.type not in KAFKA:
        return facts.profiles
    kind = (component.value(DISCRIMINATOR) or "").lower()
    return tuple(
        profile
        for profile in facts.profiles
        for each in profile.fields
        if each.name == DISCRIMINATOR
        and kind in {value.lower() for value in each.allowed[:1]}
        and kind != "awsiam"
    )


def _missing(component: ComponentDocument, facts: ComponentFacts, profile: AuthProfile) -> list[str]:
    given = _given(component, facts)
    if given & {"host", "hostaddr"} and "host" in facts.fields:
        given = given | {"connectionstring"}  # PostgreSQL's, in parts
    return [each.name for each in profile.required if each.name.lower() not in given]


def _is_begun(component: ComponentDocument, facts: ComponentFacts, profile: AuthProfile) -> bool:
    """Whether something is given that is of no use but for this profile."""
    names = {each.name.lower() for each in profile.required} - GENERAL
    chosen = {name for name in names & SWITCHES if (component.value(name) or "").strip().lower() in YES}
    return bool(chosen or (names - SWITCHES) & _given(component, facts))


def _given(component: ComponentDocument, facts: ComponentFacts) -> frozenset[str]:
    return frozenset(facts.aliases.get(name, name) for name in component.by_name)


RULES: Final = (
    LintRule(
        "OB101",
        "missing-auth-type",
        Severity.error,
        "A Kafka component does not say how it authenticates",
        "The component fails to start, and daprd ends: `'authType' attribute was missing or empty`.",
        "Add `authType`: `none`, `password`, `mtls`, `certificate`, `oidc` or `awsiam`.",
        missing_auth_type,
    ),
    LintRule(
        "OB120",
        "incomplete-authentication",
        Severity.error,
        "A component lacks fields that its way to authenticate needs",
        "The component fails to start, or is refused by the server.",
        "Add them, best by `secretKeyRef`.",
        incomplete_authentication,
    ),
)
