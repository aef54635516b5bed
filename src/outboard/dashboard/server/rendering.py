"""Templates and their files. The only module that knows Jinja2, which is an extra.

Whatever a template shows is text: a payload never becomes a part of the page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from outboard.errors import ExtraMissing

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["STATIC_FOLDER", "NavigationItem", "Templates"]

FOLDER: Final = Path(__file__).parents[1]
STATIC_FOLDER: Final = FOLDER / "static"


class NavigationItem(NamedTuple):
    """A page that a person can go to."""

    title: str
    path: str


class Templates:
    """Fills in templates; `navigation` stands on each page. Raises ExtraMissing where there is no Jinja2."""

    def __init__(self, navigation: Sequence[NavigationItem]) -> None:
        self._environment = _environment()
        self._environment.globals["navigation"] = tuple(navigation)
        self._environment.globals["asset"] = self._asset

    def render(self, template: str, values: Mapping[str, object]) -> str:
        """The template with `values`, each text of which stays text."""
        return self._environment.get_template(template).render(values)

    def _asset(self, name: str) -> str:
        """The address of a file, which changes with what stands in it."""
        return f"/static/{name}?v={self._versions[name]}"

    @cached_property
    def _versions(self) -> Mapping[str, str]:
        files = [path for path in STATIC_FOLDER.rglob("*") if path.is_file()]
        return {
            path.relative_to(STATIC_FOLDER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            for path in files
        }


def _environment() -> Environment:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise ExtraMissing("the dashboard", "Jinja2", "dashboard") from error
    return Environment(
        loader=FileSystemLoader(FOLDER / "templates", encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
