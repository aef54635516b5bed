"""Files: what can be read of them, and what is read although it was not meant. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.check.corpus import Corpus
from outboard.check.document import scalars
from outboard.check.rule import Hit, LintRule, Severity, at, at_key
from outboard.errors import ResourceError
from outboard.resources.node import Span

__all__ = ["RULES"]

TEMPLATE: Final = "{{"


def invalid_yaml(corpus: Corpus) -> Iterator[Hit]:
    for file in corpus.files:
        if not _is_template(file.text, file.errors):
            for error in file.errors:
                yield Hit(file.name, _line(error.line), error.problem, error.advice)


def unread_file(corpus: Corpus) -> Iterator[Hit]:
    for file in corpus.files:
        if file.unread:
            yield Hit(file.name, Span(), f"nothing of it was read: {file.unread}")


def unrendered_template(corpus: Corpus) -> Iterator[Hit]:
    for file in corpus.files:
        if _is_template(file.text, file.errors):
            line = file.text.count("\n", 0, file.text.index(TEMPLATE)) + 1
            yield Hit(file.name, _line(line), "this is a template, and not YAML yet")


def wrong_extension(corpus: Corpus) -> Iterator[Hit]:
    """Of folders that sidecars read: Kubernetes applies JSON as well, and a person whatever they name."""
    read = {folder for app in corpus.run_apps for folder in app.resources}
    for file in corpus.files:
        if file.is_misnamed:
            documents = [each for each in corpus.documents if each.group == file.folder and each.is_dapr]
            local = documents and not any(map(corpus.is_for_kubernetes, documents))
            if file.folder in read or local:
                severity = None if file.folder in read else Severity.note
                yield Hit(file.name, Span(), "it holds a resource, and is not read", severity=severity)


def duplicate_key(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.documents:
        for node in document.node.repeated():
            yield at_key(node, f"key `{node.key}` is written twice: line {node.earlier_line} does not count")


def oversized_value(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.documents:
        try:
            document.node.check_size()
        except ResourceError as error:
            yield at(document.node, error.problem)


def alpha_bulk_path(corpus: Corpus) -> Iterator[Hit]:
    for document in corpus.documents:
        for node in scalars(document.node):
            if "v1.0-alpha1/publish/bulk" in node.text:
                yield at(node, "`/v1.0-alpha1/publish/bulk` is the path of before 1.17")


def _is_template(text: str, errors: tuple[ResourceError, ...]) -> bool:
    return bool(errors) and TEMPLATE in text


def _line(line: int) -> Span:
    return Span(line, 1, line, 1)


RULES: Final = (
    LintRule(
        "OB008",
        "wrong-extension",
        Severity.warning,
        "A file with a resource has a name that daprd does not read",
        "daprd reads the files of a folder that end in `.yaml` or `.yml`: this one is ignored silently.",
        "Rename it, so that it ends in `.yaml`.",
        wrong_extension,
    ),
    LintRule(
        "OB001",
        "invalid-yaml",
        Severity.error,
        "A file is not valid YAML",
        "daprd warns of it in its log and goes on without the file; Kubernetes refuses it.",
        "Correct the syntax.",
        invalid_yaml,
    ),
    LintRule(
        "OB002",
        "duplicate-key",
        Severity.warning,
        "A key is written twice in one mapping",
        "The last one counts, silently; what the others say has no effect.",
        "Remove one of them.",
        duplicate_key,
    ),
    LintRule(
        "OB003",
        "unrendered-template",
        Severity.note,
        "A file is a template of Helm or the like",
        "Nothing of it was checked: what it becomes depends on its values.",
        "Check what it becomes: `helm template . | outboard check -`.",
        unrendered_template,
    ),
    LintRule(
        "OB004",
        "unread-file",
        Severity.note,
        "A file is too large, or not text",
        "Nothing of it was checked.",
        "Name the resources' own folders.",
        unread_file,
    ),
    LintRule(
        "OB005",
        "oversized-value",
        Severity.warning,
        "The aliases of a document expand to far more than what is written",
        "A program that reads it, such as daprd or kubectl, needs memory for all of it.",
        "Write it without aliases, or shorter.",
        oversized_value,
    ),
    LintRule(
        "OB006",
        "alpha-bulk-path",
        Severity.note,
        "A file names the old path of bulk publishing",
        "daprd still answers there, but a later version may not.",
        "Write `/v1.0/publish/bulk`, which 1.17 and newer have.",
        alpha_bulk_path,
        since="1.17",
    ),
)
