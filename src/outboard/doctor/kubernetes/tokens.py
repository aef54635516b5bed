"""The tokens by which sidecars and apps of pods know who asks, as Secrets have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from outboard.doctor.cluster_evidence import PodSeen
from outboard.doctor.kubernetes.api import NOT_FOUND, Access, ApiRefused
from outboard.doctor.kubernetes.secrets import decoded

__all__ = ["API_TOKEN", "APP_TOKEN", "PodTokens"]

API_TOKEN: Final = "dapr.io/api-token-secret"
APP_TOKEN: Final = "dapr.io/app-token-secret"
"""Annotations that name the Secrets."""
TOKEN_KEY: Final = "token"


@dataclass
class PodTokens:
    """The tokens that annotations name the Secrets of; each Secret is read once."""

    access: Access
    _known: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)

    async def of(self, pod: PodSeen, annotation: str) -> str:
        """Empty where there is none, or it may not be read."""
        name = pod.annotation(annotation)
        if not name:
            return ""
        if (pod.namespace, name) not in self._known:
            self._known[pod.namespace, name] = await self._read(name, pod.namespace)
        return self._known[pod.namespace, name]

    async def _read(self, name: str, namespace: str) -> str:
        try:
            found = await self.access.get(f"secrets/{name}", namespace=namespace)
        except ApiRefused as refused:
            if refused.status != NOT_FOUND:  # without it the pod does not even start, which is told of
                self.access.miss(f"the secret '{name}'", refused, "get", f"secrets/{name}", namespace)
            return ""
        data: dict[str, str] = found.get("data") or {}
        token = decoded(data.get(TOKEN_KEY, ""))
        self.access.secrets.append(token)
        return token
