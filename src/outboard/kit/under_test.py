"""Whether what runs here is a test, which may be told more than whoever calls a production service.

Source: pytest, "PYTEST_CURRENT_TEST environment variable"; ASGI, the extension "Debug" of responses, which
is for tests and not for production, and which Starlette's TestClient names in its requests.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["comes_from_a_test", "is_pytest_running"]

CURRENT_TEST: Final = "PYTEST_CURRENT_TEST"
DEBUG_EXTENSION: Final = "http.response.debug"


def is_pytest_running() -> bool:
    """Whether this process is pytest's, in the middle of a test. A service that a test starts is not."""
    return "pytest" in sys.modules and CURRENT_TEST in os.environ


def comes_from_a_test(scope: Mapping[str, Any]) -> bool:
    """Whether a request of this scope was made in this process, by a test."""
    return DEBUG_EXTENSION in (scope.get("extensions") or ()) or is_pytest_running()
