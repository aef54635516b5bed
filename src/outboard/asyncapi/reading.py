"""Where documents come from: apps that are loaded, and files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from outboard.asyncapi.described import described_apps
from outboard.asyncapi.document import document
from outboard.check.inspection.loading import inspect_all, inspect_named
from outboard.check.main import make_corpus
from outboard.check.reading import read_paths
from outboard.errors import CommandError

__all__ = ["as_json", "as_yaml", "document_of", "read_document"]

SUFFIXES: Final = (".yaml", ".yml", ".json")
FORM: Final = "Name apps, as `outboard asyncapi shop.main:app`, or be in the folder of a dapr.yaml."


class _Plain(yaml.SafeDumper):
    """Values that occur twice are written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def document_of(
    named: Sequence[str], run_file: Path, title: str, version: str
) -> tuple[dict[str, Any], Sequence[str]]:
    """The document of the apps that are `named`, else of those of `run_file`; with what to tell of them.

    An only name may be that of a file, which has one already. Raises CommandError.
    """
    if len(named) == 1 and named[0].endswith(SUFFIXES):
        return read_document(Path(named[0])), ()
    run_apps = []
    if run_file.is_file():
        corpus, _ = make_corpus(read_paths([run_file], None, ()), "", (), all_apps=False)
        run_apps = [each for file in corpus.run_files for each in file.apps]
    if not named and not run_apps:
        raise CommandError("there is no app to be described", FORM)
    found = (
        inspect_named(named, run_apps, with_schemas=True)
        if named
        else inspect_all(run_apps, with_schemas=True)
    )
    apps = described_apps(found.apps)
    remarks = [
        f"{each.topic}: there is no schema of {message.name}: {message.problem}"
        for app in apps
        for each in app.topics
        for message in each.messages
        if message.problem
    ]
    if not apps:
        raise CommandError("no app could be loaded: " + " ".join(found.remarks), FORM)
    missing = [each for each in found.remarks if "not loaded" in each or "could not" in each]
    return document(apps, title, version), [*missing, *remarks]


def read_document(path: Path) -> dict[str, Any]:
    """One of a file, YAML or JSON. Raises CommandError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise CommandError(f"{path} cannot be read: {told}", "Correct the name.") from None
    try:
        found = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except RecursionError:
        raise CommandError(f"{path} is nested too deeply to be read", "Correct it.") from None
    except (ValueError, yaml.YAMLError) as error:
        first = str(error).splitlines()[0]
        raise CommandError(f"{path} is neither YAML nor JSON: {first}", "Correct it.") from None
    if isinstance(found, Mapping):
        return dict(found)
    raise CommandError(f"{path} is no AsyncAPI document", "Name one that this command has written.")


def as_json(document: Mapping[str, Any]) -> str:
    """The document as JSON in UTF-8, indented: for a file."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def as_yaml(found: Mapping[str, Any]) -> str:
    """The document as YAML, in its own order."""
    return yaml.dump(found, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100)
