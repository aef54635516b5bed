"""What a version of Dapr has not, and what changes from one to another. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from outboard.check.corpus import Corpus, numbers
from outboard.check.document import child, items, text
from outboard.check.rule import Hit, LintRule, Severity, at, at_key
from outboard.facts.versions import (
    ANNOTATION_VERSIONS,
    COMPONENT_VERSIONS,
    KEY_VERSIONS,
    KIND_VERSIONS,
    Existence,
)
from outboard.resources.node import Node

__all__ = ["RULES"]

NEWEST: Final = (1, 18)
"""What is meant where no version is asked for."""
PREVIEW_GONE: Final = {"SchedulerReminders": "1.17"}
"""Preview features that are one no more → since when."""


@dataclass(frozen=True, slots=True)
class Used:
    """Something that not every version has, where it is used."""

    node: Node
    what: str
    existence: Existence
    is_fatal: bool = False
    of_key: bool = False

    def hit(self, message: str, severity: Severity | None = None) -> Hit:
        return (at_key if self.of_key else at)(self.node, message, severity=severity)


@dataclass(frozen=True, slots=True)
class BehaviourChange:
    """What is otherwise from `version` on, told as a sentence, at each place that it is about."""

    version: str
    told: str
    places: Callable[[Corpus], Iterator[Node]]


def not_in_version(corpus: Corpus) -> Iterator[Hit]:
    version = corpus.version or NEWEST
    for each in _used(corpus):
        since, until = each.existence.since, each.existence.until
        early, late = since and version < numbers(since), until and version >= numbers(until)
        if early or late:
            told = (
                f"Dapr has {each.what} from {since} on" if early else f"Dapr has no {each.what} since {until}"
            )
            severity = (Severity.error if each.is_fatal else None) if corpus.version else Severity.note
            yield each.hit(told, severity)


def changed_between_versions(corpus: Corpus) -> Iterator[Hit]:
    """Only where two versions are asked for."""
    if not corpus.earlier:
        return
    for each in _used(corpus):
        if _is_between(corpus, each.existence.since):
            yield each.hit(f"{each.what} is new in {each.existence.since}", Severity.note)
        elif _is_between(corpus, each.existence.until):
            yield each.hit(f"{each.what} is gone since {each.existence.until}", Severity.note)
    for change in CHANGES:
        if _is_between(corpus, change.version):
            for node in change.places(corpus):
                yield at(node, f"since {change.version} {change.told}")


def _is_between(corpus: Corpus, version: str) -> bool:
    return bool(version) and corpus.earlier < numbers(version) <= (corpus.version or NEWEST)


def _used(corpus: Corpus) -> Iterator[Used]:
    for component in corpus.components:
        found = COMPONENT_VERSIONS.get((component.type, component.version or "v1"))
        if found is not None and component.type_node is not None:
            what = f"`{component.type}` in version {component.version or 'v1'}"
            yield Used(component.type_node, what, found, is_fatal=True)
    for document in corpus.documents:
        kind = child(document.node, "kind")
        if document.is_dapr and kind is not None and document.kind in KIND_VERSIONS:
            yield Used(kind, f"the kind `{document.kind}`", KIND_VERSIONS[document.kind])
    for pod in corpus.pod_templates:
        for name, node in pod.of_dapr.items():
            if name in ANNOTATION_VERSIONS:
                yield Used(node, f"the annotation `{name}`", ANNOTATION_VERSIONS[name], of_key=True)
    for document in corpus.configurations:
        for path, existence in KEY_VERSIONS.items():
            key = child(document.spec, *path)
            if key is not None:
                yield Used(key, f"`{'.'.join(path)}` of a Configuration", existence, of_key=True)
        for feature in items(child(document.spec, "features")):
            named = child(feature, "name")
            if named is not None and text(named) in PREVIEW_GONE:
                gone = Existence(until=PREVIEW_GONE[text(named)])
                yield Used(named, f"preview feature `{text(named)}`", gone)


def _dead_letter_topics(corpus: Corpus) -> Iterator[Node]:
    found = (child(each.spec, "deadLetterTopic") for each in corpus.subscriptions)
    return (each for each in found if each is not None)


def _redis(corpus: Corpus) -> Iterator[Node]:
    return (
        each.type_node
        for each in corpus.components
        if each.type == "pubsub.redis" and each.type_node is not None
    )


def _loaded_again(corpus: Corpus) -> Iterator[Node]:
    """The first component of each folder, unless a Configuration says otherwise."""
    told = {
        text(child(feature, "name"))
        for document in corpus.configurations
        for feature in items(child(document.spec, "features"))
    }
    if "HotReload" not in told:
        yield from (each[0].type_node for each in corpus.folders.values() if each[0].type_node is not None)


CHANGES: Final = (
    BehaviourChange(
        "1.17",
        "an event that the app answers with 404 goes to the dead letter topic; before, it was dropped",
        _dead_letter_topics,
    ),
    BehaviourChange(
        "1.17",
        "an event whose handler fails is acknowledged; before, it stayed pending and was delivered again",
        _redis,
    ),
    BehaviourChange(
        "1.18",
        "publishing a dead letter has 30 s of its own; before, it had what the policy's timeout left",
        _dead_letter_topics,
    ),
    BehaviourChange(
        "1.18",
        "daprd takes changed resources while it runs (HotReload); before, only where that was asked for",
        _loaded_again,
    ),
)

RULES: Final = (
    LintRule(
        "OB016",
        "not-in-version",
        Severity.warning,
        "A file uses something that the version of Dapr does not have",
        "daprd ends at its start if it does not know a component; it ignores all else that it does not know.",
        "Use a version that has it, or do without.",
        not_in_version,
    ),
    LintRule(
        "OB017",
        "changed-between-versions",
        Severity.note,
        "Something that a file uses changes between two versions of Dapr",
        "It behaves differently in the newer version.",
        "Find out whether you rely on the old behaviour.",
        changed_between_versions,
    ),
)
