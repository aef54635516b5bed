from __future__ import annotations

import pytest

from outboard.sidecar.publishing.scopes import TopicAccess


@pytest.mark.parametrize(
    ("metadata", "topic", "allowed"),
    [
        ({}, "t", True),
        ({"publishingScopes": "other=x"}, "t", True),
        ({"publishingScopes": "app=a, b ;other=x"}, "b", True),
        ({"PUBLISHINGSCOPES": "app=a"}, "b", False),
        ({"publishingScopes": "app=a;app=b"}, "b", True),
        ({"publishingScopes": "app="}, "a", False),
        ({"publishingScopes": "app"}, "a", True),
        ({"publishingScopes": ""}, "a", True),
        ({"allowedTopics": "a,b"}, "b", True),
        ({"allowedTopics": "a,b"}, "c", False),
        ({"allowedTopics": "a", "publishingScopes": "app=b"}, "b", False),
        ({"protectedTopics": "a"}, "a", False),
        ({"protectedTopics": "a"}, "b", True),
        ({"protectedTopics": "a", "publishingScopes": "app=a"}, "a", True),
    ],
)
def test_publishing(metadata: dict[str, str], topic: str, allowed: bool) -> None:
    assert TopicAccess.of(metadata, "app").may_publish(topic) is allowed


def test_subscribing_has_scopes_of_its_own() -> None:
    access = TopicAccess.of({"publishingScopes": "app=p", "subscriptionScopes": "app=s"}, "app")
    assert (access.may_subscribe("s"), access.may_subscribe("p")) == (True, False)
    assert (access.may_publish("s"), access.may_publish("p")) == (False, True)


def test_a_namespaced_component_has_a_prefix_on_every_topic() -> None:
    assert TopicAccess.of({}, "app", "todo").on_broker("t") == "todot"
    assert TopicAccess.of({}, "app").on_broker("t") == "t"
