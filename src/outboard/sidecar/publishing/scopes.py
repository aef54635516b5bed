"""Which app may publish to and subscribe to which topic, and what a topic is called on the broker. Pure.

Source: Dapr, "Scope Pub/sub topic access" and "Set up Pub/Sub namespace consumer groups".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["TopicAccess"]


@dataclass(frozen=True, slots=True)
class TopicAccess:
    """What one pub/sub component lets one app do. A scope list of None: the app is not mentioned.

    `prefix` stands before every topic of the component on the broker.
    """

    publishing: frozenset[str] | None = None
    subscribing: frozenset[str] | None = None
    allowed: frozenset[str] = frozenset()
    protected: frozenset[str] = frozenset()
    prefix: str = ""

    @classmethod
    def of(cls, metadata: Mapping[str, str], app_id: str, prefix: str = "") -> TopicAccess:
        """From a component's metadata, the names of which are case-insensitive."""
        folded = {name.lower(): value.replace(" ", "") for name, value in metadata.items()}
        return cls(
            publishing=_scope(folded.get("publishingscopes", ""), app_id),
            subscribing=_scope(folded.get("subscriptionscopes", ""), app_id),
            allowed=_topics(folded.get("allowedtopics", "")),
            protected=_topics(folded.get("protectedtopics", "")),
            prefix=prefix,
        )

    def may_publish(self, topic: str) -> bool:
        return self._allows(topic, self.publishing)

    def may_subscribe(self, topic: str) -> bool:
        return self._allows(topic, self.subscribing)

    def on_broker(self, topic: str) -> str:
        """The name of `topic` on the broker."""
        return self.prefix + topic

    def _allows(self, topic: str, scope: frozenset[str] | None) -> bool:
        if self.allowed and topic not in self.allowed:
            return False
        if scope is None:
            return topic not in self.protected
        return topic in scope


def _topics(text: str) -> frozenset[str]:
    return frozenset(text.split(",")) if text else frozenset()


def _scope(text: str, app_id: str) -> frozenset[str] | None:
    # `app=` gives the list [""]: an app that is mentioned without a topic may use none.
    entries = (entry.split("=") for entry in text.split(";"))
    mine = [entry[1].split(",") for entry in entries if len(entry) > 1 and entry[0] == app_id]
    return frozenset(topic for topics in mine for topic in topics) if mine else None
