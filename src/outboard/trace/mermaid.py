"""Stories as a sequence diagram of Mermaid. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from outboard.hops.record import HopKind
from outboard.hops.story import PUBLISHING, EventStory, Passage, StoryStep
from outboard.trace.text import step_text

__all__ = ["diagram"]


def diagram(stories: Sequence[EventStory]) -> str:
    """The apps and topics, and an arrow for each step, in its order."""
    names = list(dict.fromkeys(name for story in stories for name in _names(story)))
    aliases = {name: f"p{number}" for number, name in enumerate(names)}
    lines = ["sequenceDiagram", *(f"    participant {aliases[name]} as {_plain(name)}" for name in names)]
    for story in stories:
        lines += [f"    {line}" for line in _arrows(story, aliases)]
    return "\n".join(lines)


def _names(story: EventStory) -> Iterator[str]:
    for passage in story.passages:
        for step in passage.publishing:
            yield step.hop.app_id
        yield passage.topic
        for reception in passage.receptions:
            yield reception.app_id


def _arrows(story: EventStory, aliases: dict[str, str]) -> Iterator[str]:
    for passage in story.passages:
        topic = aliases[passage.topic]
        for step in passage.steps:
            app, text = (
                aliases[step.hop.app_id],
                _plain(f"{story.event.event_id}: {step_text(step, passage)}"),
            )
            yield _arrow(step, passage, app, topic, text)


def _arrow(step: StoryStep, passage: Passage, app: str, topic: str, text: str) -> str:
    kind = step.hop.kind
    if kind is HopKind.STAGED:
        return f"Note over {app}: {text}"
    failed = step.hop.outcome not in ("", "SUCCESS")
    line = "--x" if failed else "->>"
    return f"{app}{line}{topic}: {text}" if kind in PUBLISHING else f"{topic}{line}{app}: {text}"


def _plain(text: str) -> str:
    """Without what Mermaid reads as its own: `;` and `#` end or escape, and a line is a line."""
    return " ".join(text.split()).replace("#", "#35;").replace(";", ",").replace("#35,", "#35;")
