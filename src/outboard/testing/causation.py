"""What came of what in a test, as text: each event below the one whose handler published it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from outboard.hops.conversation import EventNode, conversation
from outboard.hops.record import Hop, HopKind
from outboard.hops.story import EventStory, stories

__all__ = ["causation_tree"]

TOLD = frozenset({HopKind.DELIVERED, HopKind.DEAD_LETTERED, HopKind.DROPPED, HopKind.LOST})
NOTHING = "nothing was published"


def causation_tree(hops: Sequence[Hop]) -> str:
    """A line for each event, what became of it at each app, and below that what its handlers published."""
    found = stories(hops)
    conversations = dict.fromkeys(story.event.correlation_id for story in found)
    lines = [
        line
        for correlation_id in conversations
        for node in conversation(found, correlation_id)
        for line in _lines(node, "")
    ]
    return "\n".join(lines) or NOTHING


def _lines(node: EventNode, indent: str) -> Iterator[str]:
    if node.story is None:
        yield f"{indent}{node.event_id}, which is none of this session"
    else:
        yield from _event(node.story, indent)
    for child in node.children:
        yield from _lines(child, indent + "    ")


def _event(story: EventStory, indent: str) -> Iterator[str]:
    key = f", key {story.event.key}" if story.event.key else ""
    topics = ", then ".join(passage.topic for passage in story.passages)
    yield f"{indent}{topics}: {story.event.event_id} from {story.event.source or 'unknown'}{key}"
    told = [step.hop for step in story.steps if step.hop.kind in TOLD]
    for hop in told:
        yield f"{indent}  {hop.app_id}: {_outcome(hop)}"
    if not told:
        yield f"{indent}  no app took it, or not yet"


def _outcome(hop: Hop) -> str:
    what = hop.outcome if hop.kind is HopKind.DELIVERED else hop.kind.value
    attempt = f" (attempt {hop.attempt})" if hop.attempt > 1 else ""
    return f"{what}{attempt}" + (f": {hop.detail}" if hop.detail else "")
