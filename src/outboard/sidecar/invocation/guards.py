"""The Resiliency policies of apps: what keeps calls of each, and of each of its methods.

Source: Dapr, "Resiliency: Targets" and "Override default retry policies"; daprd 1.18.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from outboard.resources.resiliency import Policies, Resiliency, RetryPolicy
from outboard.sidecar.resiliency.guard import Guard, Resilience

__all__ = ["AppGuards"]

BUILT_IN: Final = "DaprBuiltInServiceRetries"
BUILT_IN_RETRIES: Final = RetryPolicy(duration=1.0, max_retries=3)
BREAKERS_KEPT: Final = 100


class AppGuards:
    """Makes the guards of calls. The circuit breaker of a method is kept as long as others are not newer."""

    def __init__(self, policies: Resiliency, resilience: Resilience) -> None:
        self._policies = policies
        self._resilience = replace(resilience, breakers_kept=BREAKERS_KEPT)

    def of(self, target: str, method: str) -> Guard:
        """What keeps the calls of `method` of `target`, an app id as it was asked for."""
        endpoint = f"{target}:{method}"
        policies = self._policies.app_policies(target)
        name = f"endpoint[{target}, {endpoint}]"
        return self._resilience.guard(endpoint, "output", policies, name, f"app_{target}")

    def unreached(self, app_id: str) -> Guard | None:
        """For calls that reach nobody, where no policy is about the app; else None."""
        if app_id in self._policies.apps:
            return None
        retry = self._policies.retries.get(BUILT_IN, BUILT_IN_RETRIES)
        return self._resilience.guard(app_id, "output", Policies(retry=retry), BUILT_IN)
