"""What a person should know of the parts of daprd that this sidecar does not serve. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from outboard.resources.component import Component
from outboard.resources.finding import Finding
from outboard.resources.loader import Resources
from outboard.sidecar.components.metadata.properties import is_truthy

__all__ = ["grpc_unserved", "unserved_needs", "unserved_parts"]

ACTORS: Final = frozenset({"--placement-host-address", "--actors-service"})


def unserved_parts(settings: Mapping[str, str]) -> Iterator[str]:
    """Lines for the log at each start. `settings` without effect were given: setting → part of daprd."""
    if settings:
        told = ", ".join(f"{name} ({part})" for name, part in settings.items())
        yield f"accepted, but without effect, for parts that this sidecar does not serve: {told}"


def grpc_unserved(port: int) -> str:
    """A line for the debug log where the extra is not installed: most apps need no gRPC, and `outboard run`
    names those that do.
    """
    return (
        f"the gRPC API is not served, nobody listens on port {port}: a client over gRPC, such as "
        "DaprClient of Dapr's SDK, gets 'Connection refused'. For it: pip install 'outboard[grpc]'"
    )


def unserved_needs(resources: Resources, settings: Collection[str]) -> Iterator[Finding]:
    """Warnings. `settings` are the flags without effect that were given.

    A store may say of itself that it can keep actors without anybody having any: `dapr init` writes such
    ones. Only together with a placement service are there actors.
    """
    if ACTORS.intersection(settings):
        for component in resources.components:
            yield from _of_actors(component)


def _of_actors(component: Component) -> Iterator[Finding]:
    for item in component.metadata:
        if item.name.lower() == "actorstatestore" and is_truthy(item.value or ""):
            problem = (
                f"'{component.name}' is to keep the state of actors, but this sidecar does not serve actors: "
                "what calls one is answered that there is no placement service"
            )
            yield Finding(str(component.path), item.line, problem, "Run the app with the real daprd.")
