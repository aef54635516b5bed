"""A canary that was sent: has it come through? Pure."""

from __future__ import annotations

from collections.abc import Iterator

from outboard.doctor.evidence import Evidence
from outboard.doctor.results import CheckResult, Status

__all__ = ["canary_arrives"]


def canary_arrives(seen: Evidence) -> Iterator[CheckResult]:
    """A canary that was published comes to the app's kit, which answers it before any handler."""
    title = "a canary comes through"
    for canary in seen.canaries:
        subject = f"{canary.app_id}, {canary.topic} of {canary.pubsub}"
        if canary.why_not:
            yield CheckResult("canary-arrives", title, subject, Status.UNKNOWN, (canary.why_not,))
        elif not canary.published.ok:
            evidence: tuple[str, ...] = (f"publishing it was answered {canary.published}",)
            fix = "The sidecar says why it does not take it"
            yield CheckResult("canary-arrives", title, subject, Status.FAILED, evidence, fix)
        elif canary.arrived:
            evidence = (f"it came to {', '.join(canary.arrived)}",)
            yield CheckResult("canary-arrives", title, subject, Status.PASSED, evidence)
        else:
            evidence = ("it was published, and has not come to the app",)
            fix = "Events before it may be in its way: see what waits in the consumer group"
            yield CheckResult("canary-arrives", title, subject, Status.FAILED, evidence, fix)
