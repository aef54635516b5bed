"""The names that a new service has. Pure."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from typing import Final

from outboard.errors import CommandError

__all__ = ["ServiceNames", "service_names"]

APP_ID: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?\Z")
LONGEST: Final = 58
"""Dapr makes a Service of Kubernetes of the name and `-dapr`."""
OTHERS: Final = frozenset(
    {
        *("anyio", "components", "dapr", "fastapi", "httpx", "kubernetes", "outboard", "pydantic", "pytest"),
        *("redis", "sqlalchemy", "starlette", "tests", "typer", "uvicorn", "yaml"),
    }
)
"""Folders beside the package, and packages that it or its sidecar imports."""


@dataclass(frozen=True, slots=True)
class ServiceNames:
    """`app_id` is what Dapr calls the service, `package` its Python package."""

    app_id: str
    package: str


def service_names(name: str, standard_library: frozenset[str]) -> ServiceNames:
    """The names of the service `name`: lower-case letters, digits and `-`, at most 58, as Kubernetes wants.

    `standard_library` has the modules of Python, which a package of that name would hide.
    Raises CommandError.
    """
    if len(name) > LONGEST or not APP_ID.match(name):
        suggestion = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:LONGEST].strip("-")
        hint = f": {suggestion}" if suggestion else ""
        raise CommandError(
            f"`{name}` is no name for a service",
            f"Write lower-case letters, digits and `-`, at most {LONGEST}, a letter first{hint}",
        )
    package = name.replace("-", "_")
    if keyword.iskeyword(package) or keyword.issoftkeyword(package) or package in standard_library | OTHERS:
        raise CommandError(
            f"a Python package `{package}` would hide another one of that name",
            f"Choose another name: {name}-service",
        )
    return ServiceNames(name, package)
