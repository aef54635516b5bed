"""How much processes have grown by. `growths` is pure."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Final, NamedTuple, TypeAlias

import psutil

from chaos.evidence import Growth
from chaos.programs import Program

__all__ = ["Sample", "Sampler", "growths"]

INTERVAL: Final = 2.0
WARM: Final = 30.0
MEASURED: Final = 20.0
"""Seconds: what a process grows by before it is warm does not count, nor does one that lives shorter."""


class Sample(NamedTuple):
    """What a process had at a time, in seconds."""

    at: float
    bytes: int
    descriptors: int


ProcessKey: TypeAlias = tuple[str, int, float]
"""The name of a program, an id, and when that began."""


def growths(samples: Mapping[ProcessKey, Sequence[Sample]]) -> list[Growth]:
    """Of each process that lived long enough: the last quarter against the first, by their medians."""
    found = []
    for (name, _, _), taken in samples.items():
        warm = [sample for sample in taken if sample.at - taken[0].at >= WARM]
        if len(warm) < 4 or warm[-1].at - warm[0].at < MEASURED:
            continue
        quarter = len(warm) // 4
        first, last = warm[:quarter], warm[-quarter:]
        grown = median(each.bytes for each in last) - median(each.bytes for each in first)
        more = median(each.descriptors for each in last) - median(each.descriptors for each in first)
        found.append(Growth(name, warm[-1].at - warm[0].at, round(grown), round(more)))
    return found


class Sampler:
    """Looks at `programs`, and all that they start, until the end of the block."""

    def __init__(self, programs: Iterable[Program], clock: Callable[[], float]) -> None:
        self._programs = list(programs)
        self._clock = clock
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.samples: defaultdict[ProcessKey, list[Sample]] = defaultdict(list)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(INTERVAL):
            for program in self._programs:
                for process in program.processes():
                    self._take(program.name, process)

    def _take(self, name: str, process: psutil.Process) -> None:
        try:
            with process.oneshot():
                sample = Sample(self._clock(), process.memory_info().rss, process.num_fds())
        except psutil.Error:  # it has ended meanwhile
            return
        self.samples[name, process.pid, process.create_time()].append(sample)
