"""All that was seen and what follows from it, as one file to give to others. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Final

from outboard.doctor.evidence import Evidence
from outboard.doctor.output.document import as_json
from outboard.doctor.results import Diagnosis

__all__ = ["FORMAT", "bundle"]

FORMAT: Final = 1


def bundle(seen: Evidence, diagnosis: Diagnosis, about: Mapping[str, str]) -> str:
    """A JSON document; `about` says with which versions it was made. `seen` holds no secret any more."""
    document = {
        "format": FORMAT,
        "about": dict(about),
        "diagnosis": as_json(diagnosis),
        "evidence": asdict(seen),
    }
    return json.dumps(document, indent=2, ensure_ascii=False, default=_text) + "\n"


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return dict(value) if isinstance(value, Mapping) else str(value)
