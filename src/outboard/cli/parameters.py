"""Command line options made from a table, so that help and completion know each of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

__all__ = [
    "Given",
    "OutputFormat",
    "content_of",
    "flowing",
    "given_data",
    "parameter",
    "rules_beginning",
    "with_parameters",
]

Given: TypeAlias = "int | bool | str | Path | Sequence[str] | None"
"""What typer gives for one of these options; None or empty where it was not given."""


class OutputFormat(StrEnum):
    """For people, or for machines."""

    text = "text"
    json = "json"


def rules_beginning(incomplete: str) -> list[tuple[str, str]]:
    """The rules of `check` whose code or name begins so, with what they are about: for a shell."""
    from outboard.check.registry import ALL_RULES

    start = incomplete.lower()
    return [
        (word, rule.summary)
        for rule in ALL_RULES
        for word in (rule.code, rule.name)
        if word.lower().startswith(start) and (start or word is rule.name)
    ]


def with_parameters(
    command: Callable[..., None], parameters: Iterable[inspect.Parameter]
) -> Callable[..., None]:
    """`command` with its `**keywords` written out as `parameters`, for typer to read."""
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]

    def written_out(**given: Given) -> None:
        command(**given)

    together = [*own, *parameters]
    written_out.__name__, written_out.__doc__ = command.__name__, flowing(command.__doc__ or "")
    written_out.__signature__ = inspect.Signature(together)  # type: ignore[attr-defined]
    written_out.__annotations__ = {parameter.name: parameter.annotation for parameter in together}
    return written_out


def flowing(text: str) -> str:
    """`text` with each paragraph on one line, to be broken where the terminal ends.

    Paragraphs that begin with a line of `\\b` stay as they are, as click has it.
    """
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(each if each.startswith("\b") else " ".join(each.split()) for each in paragraphs)


def parameter(flag: str, type_: object, option: object, default: object) -> inspect.Parameter:
    """The option `flag` of typer, with its type and default."""
    return inspect.Parameter(
        flag.replace("-", "_"),
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[type_, option],
    )


def content_of(file: Path, name: str) -> bytes:
    """What is in the file, which a message calls `name`. Raises CommandError."""
    from outboard.errors import CommandError

    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror or error}", "Correct it.") from error


def given_data(data: str | None, file: Path | None) -> bytes:
    """What `--data`, `--data-file` or standard input hold. Raises CommandError where it is said twice, or
    nowhere, or the file cannot be read.
    """
    import sys

    from outboard.errors import CommandError

    if data is not None and file is not None:
        raise CommandError("--data and --data-file are both given", "Give one of them.")
    if data is not None:
        return data.encode("utf-8", "surrogateescape")
    if file is not None and str(file) != "-":
        return content_of(file, f"--data-file {file}")
    if sys.stdin.isatty() and file is None:
        raise CommandError("there is no data", "Give it with --data, --data-file, or on standard input.")
    content = sys.stdin.buffer.read()
    if not content and file is None:
        raise CommandError(
            "standard input is empty", "Give the data with --data, which may be '', or --data-file."
        )
    return content
