"""`secretstores.local.file`: a JSON file of secrets, read once at the start."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from outboard.gojson.values import Json
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.known import KnownMetadata
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import ComponentError, Traits

__all__ = ["METADATA", "LocalFileSecrets", "check", "create", "flat_secrets", "multi_valued_secrets"]

METADATA: Final = KnownMetadata(("secretsFile", "nestedSeparator", "multiValued"))
MULTIPLE: Final = "MULTIPLE_KEY_VALUES_PER_SECRET"


class _NumberText(str):
    """A number as it is written."""


class LocalFileSecrets:
    """What the file held when the store was made."""

    def __init__(self, secrets: Mapping[str, Mapping[str, str]], traits: Traits) -> None:
        self._secrets = secrets
        self.traits = traits

    async def get(self, name: str) -> Mapping[str, str]:
        if name not in self._secrets:
            raise ComponentError(f"secret {name} not found")
        return self._secrets[name]

    async def get_all(self) -> Mapping[str, Mapping[str, str]]:
        return self._secrets

    async def close(self) -> None:
        """Nothing to release."""


def flat_secrets(content: dict[str, Json], separator: str) -> dict[str, dict[str, str]]:
    """One secret for each leaf, called by its path: `redis:password`."""
    return {name: {name: value} for name, value in _leaves(content, "", separator)}


def multi_valued_secrets(content: dict[str, Json], separator: str) -> dict[str, dict[str, str]]:
    """One secret for each text and each object at the top; an object's leaves are its keys and values.

    What is a list, a number or nothing at the top is no secret, as in daprd.
    """
    return {
        name: dict(_leaves(value, "" if isinstance(value, dict) else name, separator))
        for name, value in content.items()
        if isinstance(value, dict) or (isinstance(value, str) and not isinstance(value, _NumberText))
    }


def check(properties: Properties, context: ComponentContext) -> None:
    """Raises ComponentInitFailed where the file cannot be read or is not a JSON object."""
    _read(properties, context.directory)


async def create(properties: Properties, context: ComponentContext) -> LocalFileSecrets:
    """Raises ComponentInitFailed where the file cannot be read or is not a JSON object."""
    content = await asyncio.to_thread(_read, properties, context.directory)
    separator = properties.string("nestedSeparator", default=":")
    if properties.boolean("multiValued"):
        return LocalFileSecrets(multi_valued_secrets(content, separator), Traits(frozenset({MULTIPLE})))
    return LocalFileSecrets(flat_secrets(content, separator), Traits())


def _leaves(value: Json, path: str, separator: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in entries:
            yield from _leaves(inner, f"{path}{separator}{key}" if path else str(key), separator)
    else:
        yield path, _text(value)


def _text(value: Json) -> str:
    """A leaf as it is written; daprd writes a number as `%!s(float64=1.5)`, a slip that nobody relies on."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _read(properties: Properties, directory: Path) -> dict[str, Json]:
    path = directory / properties.required("secretsFile")
    try:
        text = path.read_text(encoding="utf-8-sig")
        content: Json = json.loads(text, parse_int=_NumberText, parse_float=_NumberText)
    except OSError as error:
        advice = f"The path is taken from the folder {directory.absolute()}."
        raise properties.failure(f"cannot read {path}: {error.strerror}", advice, "secretsFile") from error
    except json.JSONDecodeError as error:
        reason = f"{path}:{error.lineno}: not valid JSON: {error.msg}"
        # The text that was read hangs on the decoder's error, and it is all secrets: do not carry it on.
        raise properties.failure(reason, "Correct the file.", "secretsFile") from None
    except ValueError:
        raise properties.failure(f"{path} is not UTF-8 text", "Save it in UTF-8.", "secretsFile") from None
    if not isinstance(content, dict):
        raise properties.failure(f"{path} is not a JSON object", 'Write `{"name": "secret"}`.', "secretsFile")
    return content
