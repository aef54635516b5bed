"""Who may subscribe to what, and what a topic is called at the broker."""

from __future__ import annotations

from conformance.question import Question, answered, ask, subscribed

__all__ = ["QUESTIONS"]


def heard(
    pubsub: str, topic: str, deliveries: int, row: str, published_to: str = "", route: str = ""
) -> Question:
    path = route or f"/heard-{pubsub}-{topic}"
    request = ask(
        "POST", f"/v1.0/publish/{pubsub}/{published_to or topic}", {"a": 1}, content_type="application/json"
    )
    return Question(
        path[1:], (row,), (request,), (subscribed(topic, path, pubsub=pubsub),), deliveries=deliveries
    )


QUESTIONS = (
    heard("listening", "heard", 1, "scoping: subscriptionScopes"),
    heard("listening", "unheard", 0, "scoping: subscriptionScopes"),
    heard("silent", "any", 0, "scoping: subscriptionScopes"),
    heard("unmentioned", "u", 1, "scoping: publishingScopes"),
    heard("allowed", "d", 1, "scoping: allowedTopics"),
    heard("allowed", "a", 0, "scoping: allowedTopics"),
    heard("protected", "b", 0, "scoping: protectedTopics"),
    heard("protected", "c", 0, "scoping: protectedTopics"),
    heard("protected", "e", 1, "scoping: protectedTopics"),
    heard("spaced", "topic", 1, "namespacing: namespace"),
    heard("elsewhere", "t", 0, "component: scopes"),
    heard("nowhere", "t", 0, "merging: unknown pubsub"),
    heard("ps", "wild/*", 1, "wildcards: wildcards", "wild/card", "/wild-more"),
    heard("ps", "wilder*", 0, "wildcards: wildcards", "wilder", "/wild-exact"),
    heard("ps", "wildest*", 1, "wildcards: wildcards", "wildest1", "/wild-one"),
    Question(
        "two-subscriptions-one-topic",
        ("merging: programmatic last wins",),
        (ask("POST", "/v1.0/publish/ps/twice", {}, content_type="application/json"),),
        (subscribed("twice", "/twice-first"), subscribed("twice", "/twice-last")),
        deliveries=1,
    ),
    Question(
        "namespaced-dead-letter",
        ("namespacing: namespace",),
        (ask("POST", "/v1.0/publish/spaced/ndl", {}, content_type="application/json"),),
        (
            subscribed("ndl", pubsub="spaced", deadLetterTopic="ndl-dead"),
            subscribed("ndl-dead", pubsub="spaced"),
        ),
        {"/ndl": (answered("DROP"),)},
        deliveries=2,
    ),
)
