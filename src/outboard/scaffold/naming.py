"""The names that a new service has. Pure."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from typing import Final
from unicodedata import combining, normalize

from outboard.errors import CommandError

__all__ = ["ServiceNames", "service_names"]

APP_ID: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?\Z")
LONGEST: Final = 58
"""Dapr makes a Service of Kubernetes of the name and `-dapr`."""
NAMES: Final = """
components conftest kubernetes tests
anyio dapr fastapi httpx outboard pydantic pytest redis sqlalchemy starlette typer uvicorn yaml
aiohttp aiosignal attr attrs certifi click frozenlist grpc h11 httpcore httptools idna iniconfig jinja2
markupsafe multidict opentelemetry packaging pluggy propcache psutil pygments rich shellingham uvloop
watchfiles yarl
"""
OTHERS: Final = frozenset(NAMES.split())
"""Folders beside the package, packages that it or its sidecar imports, and what those import in turn."""
OF_WINDOWS: Final = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]")
"""Devices there: no folder can have such a name."""


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
        plain = "".join(each for each in normalize("NFKD", name.lower()) if not combining(each))
        suggestion = re.sub(r"[^a-z0-9]+", "-", plain).lstrip("-0123456789")[:LONGEST].strip("-")
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
    if OF_WINDOWS.fullmatch(name):
        raise CommandError(
            f"no folder can be called `{name}` on Windows", f"Choose another name: {name}-service"
        )
    return ServiceNames(name, package)
