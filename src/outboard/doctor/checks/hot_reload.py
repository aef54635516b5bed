"""Whether sidecars load what is applied while they run, and what is therefore left to be done. Pure."""

from __future__ import annotations

import re
from typing import Final

from outboard.doctor.cluster_evidence import ClusterSeen, PodSeen

__all__ = ["loading", "reloads"]

FEATURES: Final = "Enabled features:"
FEATURE: Final = "HotReload"
WATCHES: Final = "Hot reloading enabled"
"""What daprd says when it starts: its features early, the other line once all is loaded."""
SINCE: Final = (1, 18)
"""The version of Dapr that does it without being asked to."""
VERSION: Final = re.compile(r"v?(\d+)\.(\d+)\.")
AT_ONCE: Final = (
    ": sidecars load it at once, and one that has ended is started again, at the latest in five minutes"
)
RESTART: Final = ", and restart the pods"
UNLESS: Final = ", and restart the pods, unless they run Dapr 1.18 or later, which loads it at once"


def reloads(seen: ClusterSeen, pod: PodSeen) -> bool | None:
    """Whether its sidecar loads what is changed; None where neither log nor image tells.

    The log counts more than the version: a Configuration may turn the feature on or off.
    """
    log = seen.log(pod, "daprd")
    for line in log.lines if log is not None else ():
        if FEATURES in line or WATCHES in line:
            return FEATURE in line or WATCHES in line
    image = pod.sidecar.image if pod.sidecar is not None else ""
    found = VERSION.match(image.rpartition(":")[2])
    return tuple(map(int, found.groups())) >= SINCE if found else None


def loading(seen: ClusterSeen) -> str:
    """The end of a fix that has a resource applied: what becomes of it in the sidecars of the namespace."""
    told = {reloads(seen, pod) for pod in seen.dapr_pods}
    if told == {True}:
        return AT_ONCE
    return RESTART if told == {False} else UNLESS
