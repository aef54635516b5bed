"""Which methods a Configuration lets there be. Pure.

Source: Dapr, "How-To: Selectively enable Dapr APIs on the Dapr sidecar"; daprd 1.18.
"""

from __future__ import annotations

from typing import Final

from outboard.resources.configuration import ApiAccess

__all__ = ["is_allowed"]

GROUPS: Final[dict[str, str]] = {
    name: group
    for group, names in {
        "v1/invoke": ("InvokeService",),
        "v1/state": ("GetState", "GetBulkState", "SaveState", "DeleteState", "DeleteBulkState",
                     "ExecuteStateTransaction"),
        "v1alpha1/state": ("QueryStateAlpha1",),
        "v1/publish": ("PublishEvent", "BulkPublishEvent"),
        "v1alpha1/publish": ("BulkPublishEventAlpha1",),
        "v1alpha1/subscribe": ("SubscribeTopicEventsAlpha1",),
        "v1/bindings": ("InvokeBinding",),
        "v1/secrets": ("GetSecret", "GetBulkSecret"),
        "v1/metadata": ("GetMetadata", "SetMetadata"),
        "v1/shutdown": ("Shutdown",),
    }.items()
    for name in names
}  # fmt: skip


def is_allowed(name: str, access: ApiAccess) -> bool:
    """Whether method `name` may be called: a denied one may not; where any are allowed, no other may."""
    group = GROUPS.get(name, "")
    if group in access.denied:
        return False
    return not access.allowed or group in access.allowed
