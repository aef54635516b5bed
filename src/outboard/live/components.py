"""The component that a command opens itself: found in the files of an app, as that app's sidecar reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from outboard.errors import CommandError
from outboard.live.places import AppPlace, SearchPlaces, app_places, one_app
from outboard.resources.component import Component
from outboard.resources.loader import load_resources
from outboard.resources.node import near
from outboard.sidecar.components.context import ComponentContext

__all__ = ["ChosenComponent", "choices", "choose"]

NO_APP: Final = "outboard"
OPTIONS: Final = {"pubsub": "--pubsub", "state": "--store"}
WORDS: Final = {"pubsub": "pub/sub component", "state": "state store"}


@dataclass(frozen=True, slots=True)
class ChosenComponent:
    """A component, the secret stores that it may need, and the app whose it is."""

    component: Component
    secret_stores: tuple[Component, ...]
    place: AppPlace

    @property
    def app_id(self) -> str:
        return self.place.app_id or NO_APP

    @property
    def namespace(self) -> str:
        """That of names: `default` where none is set."""
        return self.place.namespace or "default"

    def context(self, places: SearchPlaces, app_id: str = "") -> ComponentContext:
        """What the component finds around it, as in the sidecar of its app, or of `app_id`."""
        return ComponentContext(
            app_id or self.app_id, self.namespace, environ=places.environment, directory=self.place.directory
        )


def choose(places: SearchPlaces, category: str, name: str) -> ChosenComponent:
    """As `choices`: that of the first app."""
    return choices(places, category, name)[0]


def choices(places: SearchPlaces, category: str, name: str) -> Sequence[ChosenComponent]:
    """The component `name` of each app that is meant, or their only one of the `category`: one at least.

    Raises CommandError where it is not clear, ResourceError and ResourcesInvalid for wrong files.
    """
    found: dict[str, list[ChosenComponent]] = {}
    folders: dict[str, None] = {}
    for place in one_app(places, app_places(places)):
        folders |= dict.fromkeys(map(str, place.resources_paths))
        resources = load_resources(place.resources_paths, place.app_id, place.namespace)
        stores = tuple(each for each in resources.components if each.category == "secretstores")
        for each in resources.components:
            if each.category == category:
                found.setdefault(each.name, []).append(ChosenComponent(each, stores, place))
    if name in found:
        return found[name]
    if not name and len(found) == 1:
        return next(iter(found.values()))
    raise _unclear(category, name, list(found), list(folders))


def _unclear(category: str, name: str, found: Sequence[str], folders: Sequence[str]) -> CommandError:
    where = f"in {', '.join(folders)}" if folders else "that is known by a port alone"
    if not found:
        problem = f"there is no {WORDS[category]} {where}"
        return CommandError(problem, "Name the folder of the component files with --resources-path.")
    there = f"There are: {', '.join(found)}."
    if not name:
        return CommandError(
            f"which {WORDS[category]} is meant is not clear", f"Name it with {OPTIONS[category]}. {there}"
        )
    hint = near(name, found)
    return CommandError(f"there is no {WORDS[category]} '{name}'", f"{there} {hint}".rstrip())
