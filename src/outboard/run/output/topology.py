"""What the apps of a run take and have, as lines for a person. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from outboard.run.output.events import TakenTopic, Topology

__all__ = ["topology_lines"]


def topology_lines(topology: Topology) -> list[str]:
    """A heading, and what stands below it."""
    return list(_lines(topology))


def _lines(topology: Topology) -> Iterator[str]:
    remark = f" ({topology.remark})" if topology.remark else ""
    takes = "takes" if topology.topics else "takes no topic"
    yield f"{topology.app} {takes}{remark}"
    for taken in topology.topics:
        yield f"  {taken.topic} of {taken.pubsub}{_how(taken)}"
    components = ", ".join(f"{each.name} ({each.type})" for each in topology.components)
    yield f"  components: {components or 'none'}"
    for left in topology.left_out:
        place = f" ({left.file}:{left.line})" if left.file else ""
        yield f"  left out: {left.name} ({left.type}): {left.reason}{place}. {left.advice}".rstrip(". ")


def _how(taken: TakenTopic) -> str:
    routes = [route for route in taken.routes if route]  # an app over gRPC may go by the topic alone
    parts = [f" at {', '.join(routes)}"] if routes else []
    parts += [" in bulk"] if taken.bulk else []
    parts += [f" dead letters to {taken.dead_letter_topic}"] if taken.dead_letter_topic else []
    return ",".join(parts) + (f" ({taken.remark})" if taken.remark else "")
