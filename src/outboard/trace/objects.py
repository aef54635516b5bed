"""Stories as values for `--output json`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from outboard.gojson.values import Json
from outboard.hops.conversation import EventNode
from outboard.hops.record import Hop
from outboard.hops.story import EventStory, StoryStep
from outboard.trace.verdict import verdict

__all__ = ["hop_object", "node_objects", "story_object"]

Object: TypeAlias = dict[str, Json]


def story_object(story: EventStory) -> Object:
    """One event with its steps, in their order; what nobody knows is left out."""
    event, found = story.event, verdict(story)
    told: Object = {
        "id": event.event_id, "source": event.source, "key": event.key, "traceparent": event.traceparent,
        "correlationid": event.correlation_id, "causationid": event.causation_id,
    }  # fmt: skip
    steps: list[Json] = [_step_object(step) for step in story.steps]
    return {
        **{name: value for name, value in told.items() if value},
        "verdict": found.text,
        "well": found.well,
        "failed": story.failed,
        "steps": steps,
        **({"data": story.data} if story.data else {}),
    }


def node_objects(nodes: Sequence[EventNode]) -> list[Json]:
    """Trees, each event with `children` where it has any."""
    found: list[Json] = []
    for node in nodes:
        own: Object = {"id": node.event_id} if node.story is None else story_object(node.story)
        found.append({**own, "children": node_objects(node.children)} if node.children else own)
    return found


def hop_object(hop: Hop) -> Object:
    """One hop; what is empty is left out."""
    told: Object = {
        "kind": hop.kind.value, "at": hop.at, "app": hop.app_id, "part": hop.part, "instance": hop.instance,
        "pubsub": hop.pubsub, "topic": hop.topic, "attempt": hop.attempt, "outcome": hop.outcome,
        "detail": hop.detail, "duration": hop.duration, "partition": hop.partition, "offset": hop.offset,
    }  # fmt: skip
    return {name: value for name, value in told.items() if value not in ("", 0, None)}


def _step_object(step: StoryStep) -> Object:
    others: list[Json] = [hop_object(hop) for hop in step.others]
    return {**hop_object(step.hop), **({"others": others} if others else {})}
