"""What is a secret, and how the Secrets that manifests name are made. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from outboard.manifests.system import SecretNeeded

__all__ = [
    "has_password",
    "how_to_create",
    "is_secret_value",
    "is_secret_variable",
    "merged_secrets",
    "secret_key",
    "secret_name",
]

SECRET_NAME: Final = re.compile(
    r"(?:^|[_-])(?:password|passwd|pwd|secret|token|credentials?|api[_-]?key|access[_-]?key|private[_-]?key|authorization)$",
    re.IGNORECASE,
)
INSIDE: Final = re.compile(
    r"(?:password|pwd|accountkey|sharedaccesskey|secret|accesskey)\s*=\s*[^;&\s]+|://[^/\s:@]*:[^/\s@]+@"
    r"|^[^/\s:@]+:[^/\s@]+@tcp\(",
    re.IGNORECASE,
)
"""An address or a connection string with a password in it."""


def has_password(value: str) -> bool:
    """Whether an address or a connection string has a password in it."""
    return bool(INSIDE.search(value))


def is_secret_variable(name: str, value: str) -> bool:
    """Whether an environment variable holds a secret, by its name or by what it is."""
    return bool(value) and bool(SECRET_NAME.search(name) or has_password(value))


def is_secret_value(name: str, value: str) -> bool:
    """Whether a field or header of this name, of which no facts are known, holds a secret."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return bool(value) and bool(SECRET_NAME.search(words) or has_password(value))


def secret_name(written: str) -> str:
    """A name that Kubernetes takes for a Secret, made of one that another secret store took."""
    return re.sub(r"[^a-z0-9.-]+", "-", written.lower()).strip("-.") or "secret"


def secret_key(written: str) -> str:
    """A key that Kubernetes takes in a Secret."""
    return re.sub(r"[^-._A-Za-z0-9]+", "-", written) or "value"


def merged_secrets(needed: Iterable[SecretNeeded]) -> tuple[SecretNeeded, ...]:
    """Each Secret once, with all of its keys, by name."""
    keys: dict[str, dict[str, None]] = {}
    for each in needed:
        keys.setdefault(each.name, {}).update(dict.fromkeys(each.keys))
    return tuple(SecretNeeded(name, tuple(found)) for name, found in sorted(keys.items()))


def how_to_create(secret: SecretNeeded, namespace: str) -> str:
    """The command that makes it, with the values left to the person."""
    values = " ".join(f"--from-literal={key}=..." for key in secret.keys)
    return f"kubectl create secret generic {secret.name} -n {namespace} {values}"
