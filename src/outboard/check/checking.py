"""What all rules find in what was read. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from outboard.check.corpus import Corpus, SourceFile
from outboard.check.ignoring import Ignores, without_ignored
from outboard.check.lines import lines_of
from outboard.check.registry import ALL_RULES
from outboard.check.rule import LintRule, RuleFinding

__all__ = ["found", "with_fingerprints"]


def found(corpus: Corpus, ignores: Ignores, rules: Iterable[LintRule] = ALL_RULES) -> list[RuleFinding]:
    """All findings, in the order of files and lines, each once."""
    every = [
        RuleFinding(rule, hit)
        for rule in rules
        if corpus.holds_for(rule.since, rule.until)
        for hit in dict.fromkeys(rule.find(corpus))
    ]
    left = without_ignored(every, corpus.files, ignores)
    return sorted(left, key=lambda each: (each.hit.file, each.hit.span, each.rule.code))


def with_fingerprints(
    findings: Sequence[RuleFinding], files: Iterable[SourceFile], named: Callable[[str], str] = str
) -> Iterator[tuple[RuleFinding, str]]:
    """Each finding with a word for it that stays the same when other lines of its file change. `named` gives
    the name of a file in that word.
    """
    lines: Mapping[str, list[str]] = {each.name: lines_of(each.text) for each in files}
    times: dict[str, int] = {}
    for each in findings:
        written = lines.get(each.hit.file, [])
        line = written[each.hit.span.line - 1].strip() if 0 < each.hit.span.line <= len(written) else ""
        file = named(each.hit.file).replace("\\", "/")
        text = "\n".join((each.rule.code, file, line, each.hit.message if not line else ""))
        digest = hashlib.sha256(text.encode()).hexdigest()[:24]
        times[digest] = times.get(digest, 0) + 1
        yield each, f"{digest}:{times[digest]}"
