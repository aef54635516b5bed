from __future__ import annotations

import pytest

pytest_plugins = ["pytester", "support.engines"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
