"""The facts that come with the package, read when they are first asked for."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from outboard.facts.catalogue import Catalogue

__all__ = ["catalogue"]


@cache
def catalogue() -> Catalogue:
    """Every type of component that is known."""
    text = files("outboard.facts").joinpath("components.json").read_text(encoding="utf-8")
    return Catalogue(json.loads(text))
