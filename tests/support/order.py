"""In which order several workers begin the modules of a run. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

__all__ = ["longest_first"]


def longest_first(tests: Sequence[tuple[str, bool]]) -> list[int]:
    """The places of `tests`, given by module and whether it has the mark `slow`, in the order to begin them.

    Slow modules come first: one takes minutes, and if it began last, the other workers would have nothing to
    do meanwhile. Then come those with most tests. The tests of a module stay together, as they are.
    """
    counts = Counter(module for module, _ in tests)
    slow = {module for module, is_slow in tests if is_slow}
    first = {module: place for place, (module, _) in reversed(list(enumerate(tests)))}

    def key(place: int) -> tuple[bool, int, int, int]:
        module = tests[place][0]
        return module not in slow, -counts[module], first[module], place

    return sorted(range(len(tests)), key=key)
