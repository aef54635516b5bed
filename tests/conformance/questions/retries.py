"""Deliveries that are tried again."""

from __future__ import annotations

from conformance.question import (
    Question,
    answered,
    responds,
    subscribed,
)
from conformance.questions.outcomes import published

__all__ = ["QUESTIONS"]

RETRIES = (
    Question(
        "retry-then-success",
        ("resiliency: retry",),
        (published("retry-then-success", pubsub="retrying"),),
        (
            subscribed("retry-then-success", pubsub="retrying", deadLetterTopic="never"),
            subscribed("never", pubsub="retrying"),
        ),
        {"/retry-then-success": (responds(500), answered("RETRY"), answered("SUCCESS"))},
        deliveries=3,
    ),
    Question(
        "retry-then-drop",
        ("resiliency: retry", "outcome: DROP"),
        (published("retry-then-drop", pubsub="retrying"),),
        (
            subscribed("retry-then-drop", pubsub="retrying", deadLetterTopic="retry-then-drop-dead"),
            subscribed("retry-then-drop-dead", pubsub="retrying"),
        ),
        {"/retry-then-drop": (responds(500), answered("DROP"))},
        deliveries=3,
    ),
    Question(
        "retry-next-message",
        ("resiliency: retry",),
        (
            published("retry-next-message", {"n": 1}, pubsub="retrying"),
            published("retry-next-message", {"n": 2}, pubsub="retrying"),
        ),
        (subscribed("retry-next-message", pubsub="retrying"),),
        {"/retry-next-message": (responds(500),) * 3},
        deliveries=4,
    ),
    *(
        Question(
            f"matching-{status}",
            ("resiliency: matching",),
            (published(f"matching-{status}", pubsub="choosy"),),
            (
                subscribed(f"matching-{status}", pubsub="choosy", deadLetterTopic=f"matching-{status}-dead"),
                subscribed(f"matching-{status}-dead", pubsub="choosy"),
            ),
            {f"/matching-{status}": (responds(status),) * 5},
            deliveries=deliveries,
        )
        for status, deliveries in ((500, 4), (503, 4), (504, 4), (505, 2), (429, 4), (400, 2), (404, 2))
    ),
    Question(
        "matching-retry-status",
        ("resiliency: matching",),
        (published("matching-retry-status", pubsub="choosy"),),
        (subscribed("matching-retry-status", pubsub="choosy"),),
        {"/matching-retry-status": (answered("RETRY"),) * 5},
        deliveries=3,
    ),
    Question(
        "circuit-breaker",
        ("resiliency: circuit breaker",),
        tuple(published("circuit-breaker", {"n": n}, pubsub="breaking") for n in range(3)),
        (
            subscribed("circuit-breaker", pubsub="breaking", deadLetterTopic="cb-dead"),
            subscribed("cb-dead", pubsub="breaking"),
        ),
        {"/circuit-breaker": (responds(500),) * 9},
        deliveries=2,
    ),
    Question(
        "exponential",
        ("resiliency: retry",),
        (published("exponential", pubsub="growing"),),
        (subscribed("exponential", pubsub="growing"),),
        {"/exponential": (responds(500),) * 9},
        deliveries=4,
    ),
)


QUESTIONS = RETRIES
