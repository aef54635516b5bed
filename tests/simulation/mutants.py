"""The faults that the simulation has to find: each a change of shipped code, made as it is imported.

What is replaced has to stand there word for word, once: whoever changes that code is told, and changes the
patch in `mutations`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

__all__ = ["DESIGNED", "MUTANTS", "Mutant", "Replacement", "apply_mutant", "changed_sources"]

FOLDER: Final = Path(__file__).with_name("mutations")
PATCH: Final = re.compile(r"module (\S+)\n<<<<<<<\n(.*?)=======\n(.*?)>>>>>>>\n", re.DOTALL)
GOES_ON: Final = "⏎\n"
"""Stands at the end of a text that ends within a line."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """In the source of `module`, `new` stands in the place of `old`."""

    module: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A mistake that somebody could make, and that has to be found within so many `seeds`.

    `breaks` is the number of the invariant that it breaks, as `invariants` and `letter_invariants` have them.
    With `only`, all faults are of that kind; each run has these `parts`.
    """

    name: str
    breaks: int
    seeds: int = 60
    only: str = ""
    parts: Sequence[str] = ()

    @property
    def replacements(self) -> Sequence[Replacement]:
        """As they stand in the file of its name."""
        patches = PATCH.findall((FOLDER / f"{self.name}.txt").read_text(encoding="utf-8"))
        return [
            Replacement(of, old.removesuffix(GOES_ON), new.removesuffix(GOES_ON)) for of, old, new in patches
        ]


DESIGNED: Final = (
    Mutant("cursor-polling", breaks=8),
    Mutant("row-locks", breaks=4),
    Mutant("delete-before-acknowledgement", breaks=1),
    Mutant("check-then-insert", breaks=3),
    Mutant("marker-in-a-separate-transaction", breaks=3),
    Mutant("acknowledgement-before-commit", breaks=1),
    Mutant("new-id-per-attempt", breaks=2),
    Mutant("bulk-with-the-same-key", breaks=4),
    Mutant("marker-before-handler", breaks=1),
    Mutant("unfenced-park", breaks=8),
    Mutant("404-on-error", breaks=1),
    Mutant("finite-sidecar-retry", breaks=1),
)
"""Those of the design."""
MUTANTS: Final = (
    *DESIGNED,
    Mutant("due-before-its-time", breaks=14),
    Mutant("expired-before-its-time", breaks=15),
    Mutant("duplicate-by-a-look", breaks=16),
    Mutant("cancelled-while-under-way", breaks=17),
    Mutant("gives-up-at-its-end", breaks=11, only="SIGTERM"),
    Mutant("letter-by-its-time", breaks=18, seeds=20, parts=("letters",)),
    Mutant("failed-again-is-old", breaks=1, seeds=20, parts=("letters",)),
    Mutant("replayed-before-the-answer", breaks=1, seeds=30, parts=("letters",)),
    Mutant("replay-for-everybody", breaks=20, seeds=20, parts=("letters",)),
    Mutant("replayed-by-two", breaks=21, seeds=20, parts=("letters",)),
    Mutant("group-by-the-event", breaks=22, seeds=20, parts=("letters",)),
    Mutant("gives-up-noting", breaks=21, seeds=4, only="SIGTERM", parts=("letters",)),
    Mutant("settled-by-nobody", breaks=11, seeds=4, only="SIGTERM", parts=("threads",)),
    Mutant("answered-before-the-thread", breaks=1, seeds=12, parts=("threads",)),
)
"""With those of events that wait for a time, or stand for one another, of programs that stop, of letters, and
of threads.
"""


def apply_mutant(name: str | None) -> None:
    """From now on the modules of the mutant of that name are imported with its changes.

    Raises LookupError where a module is imported already, or does not have what is to be replaced.
    """
    if name is None:
        return
    mutant = next(each for each in MUTANTS if each.name == name)
    changed = changed_sources(mutant.name, mutant.replacements)
    for module in changed:
        if module in sys.modules:
            raise LookupError(f"{module} is imported already")
    sys.meta_path.insert(0, _Finder(changed))


def changed_sources(name: str, replacements: Sequence[Replacement]) -> dict[str, str]:
    """The source of each module that mutant `name` changes, with the change. Raises LookupError."""
    changed: dict[str, str] = {}
    for each in replacements:
        source = changed.get(each.module) or _source(each.module)
        if source.count(each.old) != 1:
            raise LookupError(f"mutant {name}: {each.module} does not have this once:\n{each.old}")
        changed[each.module] = source.replace(each.old, each.new)
    return changed


def _text(written: str) -> str:
    return written.removesuffix(GOES_ON)


def _source(module: str) -> str:
    spec = _found(module)
    with open(str(spec.origin), encoding="utf-8") as file:
        return file.read()


def _found(module: str, path: Sequence[str] | None = None, above: str = "") -> ModuleSpec:
    """Without the module, or those above it, being imported."""
    part, _, rest = module.partition(".")
    spec = PathFinder.find_spec(above + part, path)
    if spec is None:
        raise LookupError(f"there is no module {above}{part}")
    return _found(rest, spec.submodule_search_locations, f"{above}{part}.") if rest else spec


class _Finder(MetaPathFinder):
    def __init__(self, changed: dict[str, str]) -> None:
        self._changed = changed

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._changed:
            return None
        spec = PathFinder.find_spec(fullname, path)
        assert spec is not None
        spec.loader = _Loader(fullname, str(spec.origin), self._changed[fullname])
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec", dont_inherit=True)
