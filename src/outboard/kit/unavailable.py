"""What an author is told when no answer comes: nobody was there, or somebody is and keeps silent.

Where one looks next is another thing in a pod than on a laptop. Source: Kubernetes, "Accessing the API from a
Pod": each container has KUBERNETES_SERVICE_HOST in its environment.
"""

from __future__ import annotations

import os
from typing import Final

from outboard.errors import (
    SidecarSilent,
    SidecarSilentInPod,
    SidecarUnavailable,
    SidecarUnavailableInPod,
)
from outboard.wire.http import ExchangeFailed

__all__ = ["unavailable"]

IN_POD: Final = "KUBERNETES_SERVICE_HOST"


def unavailable(address: str, operation: str, waited: float, failure: ExchangeFailed) -> SidecarUnavailable:
    """The error of an `operation` that came to `failure` after `waited` seconds."""
    in_pod = bool(os.environ.get(IN_POD))
    if failure.sent:
        kind: type[SidecarUnavailable] = SidecarSilentInPod if in_pod else SidecarSilent
    else:
        kind = SidecarUnavailableInPod if in_pod else SidecarUnavailable
    return kind(address, operation, waited, failure.reason)
