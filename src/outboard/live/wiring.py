"""What one app takes and has: as its sidecar tells it, and as files say. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from outboard.gojson.values import Json
from outboard.resources.left_out import LeftOut
from outboard.resources.loader import Resources
from outboard.sidecar.publishing.scopes import TopicAccess
from outboard.wire.subscriptions import Rule, Subscription

__all__ = ["AppWiring", "wiring_of_files", "wiring_of_sidecar"]


@dataclass(frozen=True, slots=True)
class AppWiring:
    """`components` are those that are loaded, with their types. `access` is what the component files let the
    app do with topics, by component. `remark` says why more is not known, empty where all is.
    """

    app_id: str
    components: Mapping[str, str] = field(default_factory=dict)
    subscriptions: tuple[Subscription, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    access: Mapping[str, TopicAccess] = field(default_factory=dict)
    remark: str = ""
    runs: bool = False

    def pubsubs(self) -> list[str]:
        """The names of its pub/sub components."""
        return [name for name, type in self.components.items() if type.lower().startswith("pubsub.")]


def wiring_of_sidecar(app_id: str, metadata: Mapping[str, Json], files: Resources) -> AppWiring:
    """From the answer of the metadata API, and the files that the sidecar has read, as far as known."""
    return AppWiring(
        str(metadata.get("id") or app_id),
        {str(each.get("name")): str(each.get("type")) for each in _objects(metadata, "components")},
        tuple(_subscription(each) for each in _objects(metadata, "subscriptions")),
        files.left_out,
        _access(app_id, files),
        runs=True,
    )


def wiring_of_files(app_id: str, files: Resources, remark: str) -> AppWiring:
    """From files alone."""
    return AppWiring(
        app_id,
        {each.name: each.type for each in files.components},
        tuple(each.subscription for each in files.subscriptions),
        files.left_out,
        _access(app_id, files),
        remark,
    )


def _access(app_id: str, files: Resources) -> dict[str, TopicAccess]:
    """What is written as it is: a list of topics that comes from a secret is not looked up."""
    return {
        each.name: TopicAccess.of({item.name: item.value or "" for item in each.metadata}, app_id)
        for each in files.components
        if each.category == "pubsub"
    }


def _objects(owner: Mapping[str, Json], name: str) -> Iterator[Mapping[str, Json]]:
    listed = owner.get(name)
    if isinstance(listed, list):
        yield from (each for each in listed if isinstance(each, dict))


def _subscription(told: Mapping[str, Json]) -> Subscription:
    rules = _objects(told, "rules")
    return Subscription(
        str(told.get("pubsubname", "")),
        str(told.get("topic", "")),
        tuple(Rule(str(rule.get("path", "")), str(rule.get("match", ""))) for rule in rules),
        str(told.get("deadLetterTopic") or ""),
    )
