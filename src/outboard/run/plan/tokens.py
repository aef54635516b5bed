"""The tokens by which an app and its sidecar know each other. Pure.

Source: Dapr, "Enable API token authentication in Dapr", "Authenticate requests from Dapr using token
authentication".
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Final, TypeAlias

__all__ = ["API_TOKEN", "APP_TOKEN", "MakeToken", "TokenUse", "made_tokens"]

MakeToken: TypeAlias = Callable[[], str]
API_TOKEN: Final = "DAPR_API_TOKEN"
APP_TOKEN: Final = "APP_API_TOKEN"


class TokenUse(StrEnum):
    """Whether a run makes tokens, and whether its sidecars refuse a call that bears none."""

    OPTIONAL = "optional"
    REQUIRED = "required"
    NONE = "none"


def made_tokens(
    use: TokenUse, given: Collection[str], make_token: MakeToken, *, may_be_optional: bool
) -> dict[str, str]:
    """New tokens for one app and its sidecar, by variable; what is `given`, also as empty text, stays so.

    A sidecar whose API token may not be optional gets one only where it is required: an app that sends none
    would be shut out.
    """
    if use is TokenUse.NONE:
        return {}
    names = [API_TOKEN, APP_TOKEN] if may_be_optional or use is TokenUse.REQUIRED else [APP_TOKEN]
    return {name: make_token() for name in names if name not in given}
