"""What a report must not have: secrets, and who somebody is. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Final

from outboard.doctor.masking import MASK, Masker

__all__ = ["without_home", "without_secrets"]

SECRET: Final = re.compile(
    r"TOKEN|PASSW|PASSPHRASE|PWD|_PW\Z|SECRET|KEY|CREDENTIAL|CONNECTION|DSN|AUTH", re.IGNORECASE
)
PAIR: Final = re.compile(
    r"(?P<name>[\w.-]*(?:passw|pwd|secret|token|key)[\w.-]*) *= *(?P<value>'[^']*'|\"[^\"]*\"|[^;&,\s]+)",
    re.IGNORECASE,
)
"""Of a connection string: `Server=h;Password=...`, `host=h password=...`."""
TOLD: Final = re.compile(r"(?:DAPR|OUTBOARD|APP|UVICORN)_|OTEL_|NO_COLOR\Z|[A-Z]+_PROXY\Z", re.IGNORECASE)
"""The variables that change what Outboard does. `OTEL_EXPORTER_OTLP_HEADERS` has tokens, too."""
HEADERS: Final = re.compile(r"HEADERS", re.IGNORECASE)


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that change what Outboard does, in order; what may be a secret is `***`."""
    hide = Masker(())  # passwords of URLs
    return {
        name: MASK
        if SECRET.search(name) or HEADERS.search(name)
        else PAIR.sub(rf"\g<name>={MASK}", hide(value))
        for name, value in sorted(environment.items())
        if TOLD.match(name)
    }


def without_home(path: PurePath, home: PurePath) -> str:
    """`path` with `~` in the place of the person's folder, whose name is often theirs."""
    return (PurePath("~") / path.relative_to(home)).as_posix() if path.is_relative_to(home) else str(path)
