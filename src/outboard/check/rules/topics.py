"""Which topics a pub/sub component lets an app use. Pure. Source: Dapr, "Scope Pub/sub topic access"."""

from __future__ import annotations

from outboard.check.component import ComponentDocument
from outboard.check.document import is_placeholder

__all__ = ["is_denied", "topics_of"]


def is_denied(component: ComponentDocument, topic: str, app: str, scopes: str) -> bool:
    """Whether `app` may not use `topic`, as daprd decides; False where that cannot be known.

    `scopes` is the field that counts: `publishingScopes` or `subscriptionScopes`.
    """
    if is_placeholder(topic) or any(
        (field := component.by_name.get(name.lower())) is not None and not field.known
        for name in ("allowedTopics", "protectedTopics", scopes)
    ):
        return False
    allowed = _topics(component.value("allowedTopics"))
    if allowed and topic not in allowed:
        return True
    own = topics_of(component.value(scopes) or "").get(app)
    if own is None:
        return bool(app) and topic in _topics(component.value("protectedTopics"))
    return topic not in own


def _topics(written: str | None) -> list[str]:
    return [each for each in (written or "").replace(" ", "").split(",") if each]


def topics_of(written: str) -> dict[str, list[str]]:
    """`app1=a,b;app2=c` as app → topics."""
    pairs = (each.partition("=") for each in written.replace(" ", "").split(";") if "=" in each)
    return {app: topics.split(",") for app, _, topics in pairs}
