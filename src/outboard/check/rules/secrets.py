"""Components: where their secrets stand. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from outboard.check.component import ComponentDocument, MetadataField
from outboard.check.corpus import Corpus
from outboard.check.document import child, is_placeholder, text
from outboard.check.rule import Hit, LintRule, Severity, at

__all__ = ["RULES"]

ADDRESSES: Final = frozenset({"host", "url", "connectionstring", "natsurl", "couchbaseurl", "hosts"})
"""Fields that name where a server is, and may have a password in them."""
SERVERS: Final = ADDRESSES | {
    "endpoint",
    "redishost",
    "server",
    "servers",
    "brokers",
    "address",
    "nameserver",
}
"""Fields that name where a server is."""
PUBLIC: Final = frozenset({"clientcert", "azurecertificate", "cfaccountid", "privatekeyid", "accesskeyid"})
"""Fields that the facts call sensitive, although they are no secret."""
PASSWORD_INSIDE: Final = re.compile(
    r"(?:password|pwd|accountkey|sharedaccesskey|secret|accesskey)\s*=\s*(?P<value>[^;&\s]+)"
    r"|://[^/\s:@]*:(?P<of_url>[^/\s@]+)@|^[^/\s:@]+:(?P<of_dsn>[^/\s@]+)@tcp\(",
    re.IGNORECASE,
)
SECRET_NAME: Final = re.compile(
    r"(password|client_?secret|secret_?key|account_?key|api_?key|api_?secret|auth_?token|private_?key)\Z",
    re.IGNORECASE,
)
"""What a field is called that holds a secret, where the facts do not know it."""
EXAMPLE: Final = re.compile(
    r"\A[\[({<*._]|[\]}>]\Z|\.\.\.|\*{3}|x{4}|EXAMPLE|\A(your|my|replace|change|insert|enter|put|add)[-_ ]"
    r"|\A(xxx|todo|placeholder|dummy|fake|redacted|changeme|change-?it|yourpassword|private key)\Z",
    re.IGNORECASE,
)
"""What stands in the place of a secret in documentation."""
THIS_MACHINE: Final = re.compile(
    r"(?:\A|[/@(=,\s])(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0|host\.docker\.internal)(?:[:/),;\s]|\Z)",
    re.IGNORECASE,
)
DEFAULTS: Final = (
    "admin cassandra dapr docker example foo foobar guest mysql pass password postgres redis root secret "
    "test user"
)
USUAL: Final = frozenset(DEFAULTS.split())
"""What local servers and emulators ship with."""
OF_EMULATOR: Final = (
    "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM",
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2",
)
"""How the keys begin that every emulator of Azure's has. Source: Microsoft Learn, "Azurite", "Cosmos DB"."""


def plain_text_secret(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        facts = component.facts(corpus.catalogue)
        for each in component.fields:
            known = facts.field(each.name) if facts is not None else None
            sensitive = known.sensitive if known is not None else bool(SECRET_NAME.search(each.name))
            secret = _secret(each) if sensitive else ""
            if secret:
                severity = Severity.note if _is_of_this_machine(component, each, secret) else None
                yield at(each.place, f"`{each.name}` stands here in plain text", severity=severity)


def secret_without_name(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        for each in component.fields:
            is_reference = each.secret is not None and isinstance(each.secret.value, Mapping)
            if each.secret is not None and is_reference and not text(child(each.secret, "name")):
                yield at(each.secret, f"the `secretKeyRef` of `{each.name}` names no secret")


def _secret(field: MetadataField) -> str:
    """The secret that stands in `field`; empty where none does."""
    written = field.text.strip()
    if not field.known or not written or field.name.lower().replace("_", "") in PUBLIC:
        return ""
    if field.name.lower() in ADDRESSES:
        found = PASSWORD_INSIDE.search(written)
        written = next(filter(None, found.groups()), "") if found is not None else ""
    return "" if EXAMPLE.search(written) or is_placeholder(written) else written


def _is_of_this_machine(component: ComponentDocument, field: MetadataField, secret: str) -> bool:
    """Whether it opens what runs beside the app alone, as on a laptop: nobody has anything of it."""
    if secret.startswith(OF_EMULATOR):
        return True
    here = any(THIS_MACHINE.search(each.text) for each in component.fields if each.name.lower() in SERVERS)
    return here and (field.name.lower() in ADDRESSES or secret.lower() in USUAL)


RULES: Final = (
    LintRule(
        "OB121",
        "plain-text-secret",
        Severity.warning,
        "A secret stands in a component in plain text",
        "Everybody who can read the file, the repository or the resource in the cluster can read the secret.",
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
