"""What a check says of its result: that all is well, or what is not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from outboard.doctor.results import CheckResult, Status

__all__ = ["PROBLEMS", "statement"]

PROBLEMS: Final[Mapping[str, str]] = {
    "run-alive": "the run has ended",
    "app-process": "the process of the app has ended",
    "app-port": "its sidecar has no port to call it at",
    "app-listening": "the app does not listen on its port",
    "app-answers": "the app does not answer",
    "app-healthy": "the app does not pass the health check of its sidecar",
    "app-waits-for-sidecar": "the app waits for a sidecar that waits for it",
    "sidecar-answers": "its sidecar does not answer",
    "sidecar-identity": "it is the sidecar of another app",
    "sidecar-token": "it refuses the API token of the app",
    "sidecar-version": "its version of Dapr has a known trap",
    "sidecar-ready": "it is not ready",
    "sidecar-exposed": "anybody on the network can call it without a token",
    "component-files": "its component files cannot be read",
    "component-loaded": "one of its components is not loaded",
    "component-left-out": "a component may be kept from it by mistake",
    "component-stale": "it has not read its component files as they are now",
    "subscribe-answers": "the app does not say what it subscribes to",
    "subscription-component": "the component of a subscription is not loaded",
    "subscription-allowed": "the component's scopes do not let it subscribe",
    "subscription-registered": "its sidecar does not know the subscriptions that it has now",
    "subscription-twice": "a topic is subscribed to in a file and in code",
    "topic-taken": "nobody takes what is published",
    "route-there": "it does not serve the route of a subscription",
    "route-answers": "it does not take what is delivered to it",
    "route-matches": "an event finds no rule",
    "broker-reachable": "its broker cannot be reached from here",
    "topic-there": "the topic has no events, and one that is called alike has some",
    "event-format": "something on the topic is not a CloudEvent, or is wrapped twice",
    "group-members": "no member of the consumer group reads the topic",
    "group-shared": "another app is in its consumer group",
    "group-partitions": "a partition has no owner",
    "group-size": "there are more members than partitions",
    "group-offset": "the group has not committed where it is",
    "group-deleted": "events were deleted that it had not read",
    "group-moves": "it does not get on with what waits",
    "canary-arrives": "a canary does not come through",
    "dead-letters": "there are dead letters",
    "event-lost": "events were dropped",
    "outbox-parked": "events are parked in its outbox",
    "outbox-backlog": "what is staged in its outbox stays there",
    "cluster-reachable": "the cluster does not answer",
    "cluster-namespace": "the namespace is not there",
    "cluster-visible": "you may not look at everything",
    "cluster-deployable": "you may not deploy here",
    "control-definitions": "Dapr's resource definitions are not there",
    "control-ready": "Dapr's control plane is not ready",
    "control-version": "the version of its sidecar has a known trap",
    "pod-there": "there are no pods",
    "pod-image": "an image is not there",
    "pod-crashes": "one of its containers crashes",
    "pod-runs": "it does not run",
    "pod-ready": "it is not ready",
    "injection-place": "Dapr's annotations are not on the pod template",
    "injection-annotations": "Dapr does not know one of its annotations",
    "injection-sidecar": "it has no sidecar",
    "injection-port": "its sidecar does not know the port of the app",
    "injection-exposed": "anybody on the network can call its sidecar without a token",
    "injection-account": "its sidecar cannot ask Kubernetes for secrets, and is not told not to",
    "injection-tokens": "the app lacks a token that its sidecar goes by",
    "resource-namespace": "its components are in another namespace than the pods",
    "resource-type": "the type of a component is not known",
    "resource-auth-type": "a component of Kafka does not say how it logs in",
    "resource-scopes": "its scopes name an app that is not in the namespace",
    "resource-secret": "a secret of its components is not there",
    "resource-configuration": "the Configuration of a pod is not there",
    "resource-stale": "its pods were started before its components were written",
    "resource-group": "two components share a consumer group",
    "resource-subscription": "the component of a Subscription is not there",
    "service-there": "the server of the component is not there",
    "service-port": "it does not have the port of the address",
    "service-endpoints": "no server that is ready stands behind it",
    "log-error": "the log of its sidecar has an error of a component",
    "log-wait": "it waits for somebody",
    "log-component": "its sidecar has not loaded its components",
    "log-subscribed": "its sidecar has not subscribed",
    "log-unreadable": "its sidecar cannot read something on its topics",
    "event-published": "it has not published",
    "event-stored": "the topic holds no events",
    "event-received": "it has received nothing",
}
"""What is so where a check finds something, by its code: a phrase, the contrary of its title."""


def statement(check: CheckResult) -> str:
    """What is so, as a phrase: a person who reads it after "warning:" takes it at its word."""
    match check.status:
        case Status.PASSED:
            return check.title
        case Status.UNKNOWN:
            return f"whether {check.title}"
        case _:
            return PROBLEMS[check.code]
