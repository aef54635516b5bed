"""The health checks of the app."""

from __future__ import annotations

from conformance.question import (
    Ask,
    Group,
    Question,
    after,
    ask,
    once_health_is,
    subscribed,
)
from conformance.questions.shared import PUBSUB, published

__all__ = ["GROUPS"]


def settled(health: int, request: Ask) -> Ask:
    """The request, once a sidecar on a busy machine, too, has subscribed or unsubscribed for that health."""
    return after(2, once_health_is(health, request))


HEALTH_CHECKED = Group(
    "app-health",
    (
        Question(
            "well",
            ("app health: health checks", "metadata: fields"),
            (after(5, ask("GET", "/v1.0/metadata")), published("well")),
            (subscribed("well"),),
            deliveries=1,
        ),
    ),
    {"components.yaml": PUBSUB},
    (
        "--enable-app-health-check",
        "--app-health-check-path=/well-being",
        "--app-health-probe-interval=1",
        "--app-health-probe-timeout=900",  # a busy machine is not an unwell app
        "--app-health-threshold=5",
    ),
)


UNWELL = Group(
    "unwell",
    (
        Question(
            "pauses-and-resumes",
            ("app health: paused while unwell",),
            (
                settled(200, published("unwell")),
                settled(500, ask("GET", "/v1.0/metadata")),
                published("unwell", n=2),
                settled(200, ask("GET", "/v1.0/healthz")),
                published("unwell", n=3),
            ),
            (subscribed("unwell"),),
            deliveries=2,
        ),
    ),
    {"components.yaml": PUBSUB},
    (
        "--enable-app-health-check",
        "--app-health-probe-interval=1",
        "--app-health-threshold=1",
        "--app-health-probe-timeout=900",
    ),
)


GROUPS = (HEALTH_CHECKED, UNWELL)
