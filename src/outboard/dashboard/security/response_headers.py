"""What each response tells the browser: that nothing but the dashboard's own files may run, or be asked.

Source: W3C, "Content Security Policy Level 3"; Fetch standard, "Cross-Origin-Resource-Policy header".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["RESPONSE_HEADERS"]

POLICY: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)
RESPONSE_HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": "; ".join(POLICY),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # `no-referrer` would take the origin from forms, which is asked of them.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
