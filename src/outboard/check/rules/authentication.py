"""Components: how they authenticate, and where their secrets stand. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from outboard.check.component import ComponentDocument, MetadataField
from outboard.check.corpus import Corpus
from outboard.check.document import child, text
from outboard.check.rule import Edit, Hit, LintRule, Severity, at
from outboard.check.rules.components import is_alias_possible
from outboard.check.words import nearest
from outboard.facts.catalogue import AuthProfile, ComponentFacts
from outboard.facts.corrections import ANONYMOUS
from outboard.resources.node import Span

__all__ = ["RULES"]

KAFKA: Final = frozenset({"pubsub.kafka", "bindings.kafka"})
DISCRIMINATOR: Final = "authType"
ADDRESSES: Final = frozenset({"host", "url", "connectionstring", "natsurl", "couchbaseurl", "hosts"})
"""Fields that name where a server is, and may have a password in them."""
PUBLIC: Final = frozenset({"clientcert", "azurecertificate", "cfaccountid", "privatekeyid", "accesskeyid"})
"""Fields that the facts call sensitive, although they are no secret."""
PASSWORD_INSIDE: Final = re.compile(
    r"(?:password|pwd|accountkey|sharedaccesskey|secret|accesskey)\s*=\s*(?P<value>[^;&\s]+)"
    r"|://[^/\s:@]*:(?P<of_url>[^/\s@]+)@|^[^/\s:@]+:(?P<of_dsn>[^/\s@]+)@tcp\(",
    re.IGNORECASE,
)
EXAMPLE: Final = re.compile(
    r"\A[\[({*._]|\A(your|my|xxx|todo|replace|change|insert|example)[-_ ]", re.IGNORECASE
)
"""What stands in the place of a secret in documentation."""


def missing_auth_type(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        if component.type not in KAFKA or component.document.spec is None:
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
        profiles = _chosen(component, facts)
        missing = [_missing(component, facts, each) for each in profiles]
        if not profiles or not all(missing):
            continue
        began = [
            (profile, names)
            for profile, names in zip(profiles, missing, strict=True)
            if len(names) < len(profile.required)
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


def plain_text_secret(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        facts = component.facts(corpus.catalogue)
        for each in component.fields:
            known = facts.field(each.name) if facts is not None else None
            sensitive = known.sensitive if known is not None else each.name.lower().endswith("password")
            if sensitive and _is_secret(each):
                yield at(each.place, f"`{each.name}` stands here in plain text")


def secret_without_name(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        for each in component.fields:
            if each.secret is not None and not text(child(each.secret, "name")):
                yield at(each.secret, f"the `secretKeyRef` of `{each.name}` names no secret")


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
    given = {facts.aliases.get(name, name) for name in component.by_name}
    return [each.name for each in profile.required if each.name.lower() not in given]


def _is_secret(field: MetadataField) -> bool:
    written = field.text.strip()
    if (
        not field.known
        or not written
        or EXAMPLE.search(written)
        or field.name.lower().replace("_", "") in PUBLIC
    ):
        return False
    if field.name.lower() not in ADDRESSES:
        return True
    found = PASSWORD_INSIDE.search(written)
    return found is not None and not EXAMPLE.search(next(filter(None, found.groups()), ""))


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
        "Fields are missing for the way in which a component authenticates",
        "The component fails to start, or is refused by the server.",
        "Add them, best by `secretKeyRef`.",
        incomplete_authentication,
    ),
    LintRule(
        "OB121",
        "plain-text-secret",
        Severity.warning,
        "A secret stands in a component in plain text",
        "Whoever can read the file, the repository or the resource in the cluster has it.",
        "Put it into a secret store, and write `secretKeyRef:` with `name` and `key` instead of `value:`.",
        plain_text_secret,
    ),
    LintRule(
        "OB122",
        "secret-without-name",
        Severity.warning,
        "A `secretKeyRef` names no secret",
        "The field counts as empty.",
        "Add `name:`, and `key:` where the secret has several.",
        secret_without_name,
    ),
)
