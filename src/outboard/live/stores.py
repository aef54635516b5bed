"""The state of an app, read and changed by hand: through its sidecar, or one of the command's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from outboard.errors import CommandError
from outboard.kit.board import Outboard
from outboard.kit.state.store import State
from outboard.live.asking import wirings
from outboard.live.components import ChosenComponent, choices
from outboard.live.momentary import serving
from outboard.live.places import AppPlace, SearchPlaces, app_places
from outboard.sidecar.components.opening import open_components
from outboard.sidecar.components.port import ComponentError, KeyListing
from outboard.sidecar.state.keys import SEPARATOR, IllegalKey, prefix_for

__all__ = ["ListedKeys", "OpenStore", "list_keys", "opened"]

TIMEOUT: Final = 10.0
IN_MEMORY: Final = "state.in-memory"


@dataclass(frozen=True, slots=True)
class OpenStore:
    """A state store as an app has it. `prefix` is what its keys have before them, with the separator; None
    where only a port is known.
    """

    name: str
    app_id: str
    state: State[object]
    prefix: str | None = None

    def app_key(self, key: str) -> str:
        """The app's own key, of one that is written with the prefix."""
        return key.removeprefix(self.prefix) if self.prefix else key

    def stored(self, key: str) -> str:
        """What `key` is called in the store, as far as it is known."""
        return (self.prefix or "") + self.app_key(key)


@dataclass(frozen=True, slots=True)
class ListedKeys:
    """Keys of a store with their prefix; `more` says that there are others."""

    name: str
    app_id: str
    prefix: str
    keys: Sequence[str]
    more: bool


@asynccontextmanager
async def opened(places: SearchPlaces, name: str) -> AsyncIterator[OpenStore]:
    """The store `name`, or the only one that there is.

    Raises CommandError where it is not clear which one, or whose keys, are meant, and ComponentInitFailed.
    """
    if places.http_port:
        (place,) = app_places(places)
        app_id, store = await _at_port(place, name)
        async with _through(place, app_id, store, None) as found:
            yield found
        return
    chosen, prefix = _chosen(places, name)
    store = chosen.component.name
    if chosen.place.endpoint:
        async with _through(chosen.place, chosen.app_id, store, prefix) as found:
            yield found
        return
    _refuse_memory(chosen)
    async with serving(chosen, places) as place, _through(place, chosen.app_id, store, prefix) as found:
        yield found


async def list_keys(places: SearchPlaces, name: str, begin: str, limit: int) -> ListedKeys:
    """The keys of the app that begin with `begin`, of a store that can list them.

    Raises CommandError where the store, or whoever asks, cannot, and ComponentInitFailed.
    """
    if places.http_port:
        raise CommandError(
            "the API of a sidecar cannot list keys",
            "Leave --dapr-http-port out: the files say where they lie.",
        )
    chosen, prefix = _chosen(places, name)
    _refuse_memory(chosen)
    component = chosen.component
    async with open_components((*chosen.secret_stores, component), chosen.context(places)) as up:
        if component.name not in up.states:
            (left,) = [each for each in up.left_out if each.name == component.name]
            raise CommandError(f"'{component.name}' cannot be opened: {left.reason}", left.advice)
        store = up.states[component.name].instance
        if not isinstance(store, KeyListing):
            raise CommandError(
                f"{component.type} cannot list its keys", "Read one with `outboard state get`."
            )
        try:
            keys = await store.keys(prefix + begin.removeprefix(prefix), limit + 1)
        except ComponentError as error:
            raise CommandError(f"'{component.name}': {error}", "See whether it can be reached.") from error
    return ListedKeys(component.name, chosen.app_id, prefix, keys[:limit], len(keys) > limit)


def _chosen(places: SearchPlaces, name: str) -> tuple[ChosenComponent, str]:
    """The store and the prefix of the keys that are meant. Raises CommandError."""
    found = choices(places, "state", name)
    prefixes = [_prefix(each) for each in found]
    if len(set(prefixes)) > 1:
        apps = ", ".join(each.app_id for each in found)
        problem = f"whose keys of '{found[0].component.name}' are meant is not clear"
        raise CommandError(problem, f"Each app has its own: name it with --app-id. There are: {apps}.")
    if prefixes[0] and not found[0].place.app_id:
        problem = f"the keys of '{found[0].component.name}' begin with the id of an app"
        raise CommandError(problem, "Name it with --app-id.")
    return found[0], prefixes[0]


def _prefix(chosen: ChosenComponent) -> str:
    items = {item.name.lower(): item.value or "" for item in chosen.component.metadata}
    try:
        prefix = prefix_for(
            items.get("keyprefix", ""), chosen.app_id, chosen.component.name, chosen.place.namespace
        )
    except IllegalKey as error:
        raise CommandError(str(error), "Write another `keyPrefix`.") from error
    return prefix and prefix + SEPARATOR


def _refuse_memory(chosen: ChosenComponent) -> None:
    if chosen.component.type.lower() == IN_MEMORY:
        problem = (
            f"'{chosen.component.name}' is {IN_MEMORY}: what lies in it is in the process of a run alone"
        )
        advice = "While it runs, `outboard state get` asks the sidecar of the app; its keys cannot be listed."
        raise CommandError(problem, advice)


async def _at_port(place: AppPlace, name: str) -> tuple[str, str]:
    (wiring,) = await wirings([place])
    stores = [store for store, type in wiring.components.items() if type.lower().startswith("state.")]
    if not name and len(stores) != 1:
        told = ", ".join(stores) or wiring.remark or "none"
        raise CommandError(f"which state store is meant is not clear ({told})", "Name it with --store.")
    return wiring.app_id, name or stores[0]


@asynccontextmanager
async def _through(place: AppPlace, app_id: str, store: str, prefix: str | None) -> AsyncIterator[OpenStore]:
    environment = {"DAPR_HTTP_ENDPOINT": place.endpoint, "DAPR_API_TOKEN": place.api_token}
    board = Outboard(environ=environment, timeout=TIMEOUT)
    async with board.connected():
        yield OpenStore(store, app_id, board.state(store=store), prefix)
