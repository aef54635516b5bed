"""What the process of a pluggable component must offer to be one of a category. Pure.

Source: Dapr, `dapr.proto.components.v1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["OFFERED", "PACKAGE", "PUBSUB", "SECRETS", "STATE"]

PACKAGE: Final = "dapr.proto.components.v1"
PUBSUB: Final = f"{PACKAGE}.PubSub"
STATE: Final = f"{PACKAGE}.StateStore"
SECRETS: Final = f"{PACKAGE}.SecretStore"
OFFERED: Final[Mapping[str, str]] = {"pubsub": PUBSUB, "state": STATE, "secretstores": SECRETS}
"""By the category of the component."""
