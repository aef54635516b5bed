"""The texts that no output may hold: tokens, what components keep secret, and variables that say they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from outboard.doctor.laptop.files import FilesSeen, read_files, resolved
from outboard.doctor.laptop.local_app import API_TOKEN, APP_TOKEN, LocalApp
from outboard.doctor.laptop.processes import environment_of
from outboard.errors import OutboardError
from outboard.resources.component import Component
from outboard.sidecar.components.port import ComponentError

__all__ = ["secrets_of"]

WORDS: Final = (
    "password", "passwd", "secret", "token", "credential", "apikey", "api_key", "accesskey", "access_key",
    "clientkey", "privatekey", "private_key", "encryptionkey",
)  # fmt: skip
LOCATION: Final = "connectionstring"
LEAST: Final = 8
"""Characters of a variable's value: `TOKEN_USE=none` is no secret."""


async def secrets_of(targets: Sequence[LocalApp]) -> frozenset[str]:
    """Those of all the apps, and of their files."""
    found = {os.environ.get(API_TOKEN, ""), os.environ.get(APP_TOKEN, "")}
    for target in targets:
        found |= set(target.tokens.values())
        variables = environment_of(target)
        found |= {value for name, value in variables.items() if _sounds_secret(name) and len(value) >= LEAST}
        found |= await _secrets_in(read_files(target, {**os.environ, **variables}))
    return frozenset(filter(None, found))


async def _secrets_in(files: FilesSeen) -> set[str]:
    found: set[str] = set()
    for component in files.components:
        found |= await _secrets_of_component(files, component)
    return found


async def _secrets_of_component(files: FilesSeen, component: Component) -> set[str]:
    """The values that come from elsewhere, and those of items whose names say it."""
    referred = {item.name.lower() for item in component.metadata if item.secret is not None or item.env}
    try:
        values = dict((await resolved(files, component)).values_by_name)
    except (OutboardError, ComponentError):  # then only what stands in the file could be shown
        values = {item.name.lower(): item.value or "" for item in component.metadata}
    return {value for name, value in values.items() if name in referred or _is_secret(component, name, value)}


def _is_secret(component: Component, name: str, value: str) -> bool:
    if name == LOCATION:  # of SQLite it is a path, of others it holds a password
        return not component.type.lower().endswith(".sqlite")
    return _sounds_secret(name)


def _sounds_secret(name: str) -> bool:
    return any(word in name.lower() for word in WORDS)
