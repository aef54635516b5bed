from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")
"""How long an example takes says something of the machine, and of what else it does."""

pytest_plugins = ["pytester", "support.engines"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
