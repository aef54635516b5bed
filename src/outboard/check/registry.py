"""Every rule, by code and by name. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.check.corpus import Corpus
from outboard.check.rule import Hit, LintRule, Severity
from outboard.check.rules import (
    authentication,
    code,
    components,
    configuration,
    files,
    kafka,
    kinds_of_values,
    pod_calls,
    pod_tokens,
    policies,
    pubsub,
    resources,
    run_files,
    secrets,
    subscriptions,
    together,
    values,
    versions,
    workloads,
)
from outboard.check.words import nearest

__all__ = ["ALL_RULES", "UNNEEDED_IGNORE", "find_rule", "near_rule"]


def _found_elsewhere(corpus: Corpus) -> Iterator[Hit]:
    """Which ignores are not needed is known only when all else is."""
    return iter(())


UNNEEDED_IGNORE: Final = LintRule(
    "OB007",
    "unneeded-ignore",
    Severity.warning,
    "An ignore has nothing to ignore",
    "It would hide a mistake that somebody makes there later.",
    "Remove it.",
    _found_elsewhere,
)

ALL_RULES: Final[tuple[LintRule, ...]] = tuple(
    sorted(
        (
            UNNEEDED_IGNORE,
            *files.RULES,
            *resources.RULES,
            *kinds_of_values.RULES,
            *authentication.RULES,
            *secrets.RULES,
            *components.RULES,
            *values.RULES,
            *kafka.RULES,
            *pubsub.RULES,
            *subscriptions.RULES,
            *policies.RULES,
            *configuration.RULES,
            *run_files.RULES,
            *workloads.RULES,
            *pod_tokens.RULES,
            *pod_calls.RULES,
            *together.RULES,
            *code.RULES,
            *versions.RULES,
        ),
        key=lambda rule: rule.code,
    )
)


def find_rule(word: str) -> LintRule | None:
    """The rule of this code or name, whatever its case."""
    lower = word.strip().lower()
    return next((each for each in ALL_RULES if lower in (each.code.lower(), each.name)), None)


def near_rule(word: str) -> str:
    """The name or code that looks most like `word`; empty where none does."""
    return nearest(word.strip(), [name for each in ALL_RULES for name in (each.code, each.name)])
