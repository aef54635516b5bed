"""Which metadata items a type of component knows, and what is to be said of the others. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from outboard.resources.component import Component
from outboard.resources.finding import Finding
from outboard.resources.node import near

__all__ = ["KnownMetadata"]


@dataclass(frozen=True, slots=True)
class KnownMetadata:
    """The names of items: those that are `served`; and those that only daprd has, with the reason.

    Of one that `takes_any` nothing is known.
    """

    served: tuple[str, ...] = ()
    unserved: Mapping[str, str] = field(default_factory=dict)
    takes_any: bool = False

    def findings(self, component: Component, shared: Collection[str] = ()) -> Iterator[Finding]:
        """About each item that is not served, nor one of the `shared`, which every component of its kind has.

        daprd ignores a misspelled item silently; one that looks like nothing known may be meant for another
        engine.
        """
        if self.takes_any:
            return
        known = (*self.served, *shared)
        served = {name.lower() for name in known}
        unserved = {name.lower(): name for name in self.unserved}
        for item in component.metadata:
            name, path = item.name.lower(), str(component.path)
            if name in unserved:
                known_name = unserved[name]
                problem = f"daprd knows `{known_name}` of a {component.type}, this sidecar ignores it"
                yield Finding(path, item.line, problem, self.unserved[known_name])
            elif name not in served and (advice := near(item.name, (*known, *self.unserved))):
                problem = f"a {component.type} has no metadata item `{item.name}`: it is ignored"
                yield Finding(path, item.line, problem, advice)
