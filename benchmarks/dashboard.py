"""What the dashboard costs: a page in Chromium while events come, and the sidecar's rate meanwhile.

    python benchmarks/dashboard.py page|memory [--events 20000] [--rate 200] [--chromium PATH]
    python benchmarks/dashboard.py rate [--case "memory single"] [--events 20000] [--rounds 5]

`page` writes a record of hops as two sidecars would, and meanwhile measures how long it takes from a click to
the next frame, in the page itself. `memory` measures the memory of the process of the page, in a browser that
nobody drives: the tools that drive one keep a copy of all that the page has loaded. `rate` runs a case of
end_to_end.py with a record, with a dashboard that somebody looks at and without, in turn.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Final

import psutil
from end_to_end import CASES
from measuring import MIB, measure, print_machine
from playwright.sync_api import Page, sync_playwright

from outboard.hops.files.lines import FileHead, hop_line
from outboard.hops.files.segments import Segments
from outboard.hops.record import EventIdentity, Hop, HopKind

DEFAULT_CHROMIUM: Final = Path("/usr/bin/chromium")
CLICK: Final = """selector => new Promise(done => {
  const target = document.querySelector(selector);
  const began = performance.now();
  target.click();
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
})"""
"""From a click to what is done after the next frame was drawn, in milliseconds."""
LOOK_EVERY: Final = 5.0


@contextlib.contextmanager
def dashboard(record: Path, home: Path) -> Iterator[tuple[str, psutil.Process]]:
    """One of `record`, in a process of its own: its address, with the token, and the process."""
    command = [sys.executable, "-m", "outboard", "dashboard", "--record", str(record), "-o", "json"]
    environment = {**os.environ, "HOME": str(home)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as running:
        assert running.stdout is not None
        try:
            yield json.loads(running.stdout.readline())["url"], psutil.Process(running.pid)
        finally:
            running.terminate()


class Writer(threading.Thread):
    """Writes the hops of `events` events, `rate` a second: published, stored, and delivered to two apps."""

    def __init__(self, folder: Path, events: int, rate: int) -> None:
        super().__init__(daemon=True)
        self.written = 0
        self._events, self._rate = events, rate
        self._api = Segments(folder, FileHead("api", "sidecar", "here/1"))
        self._billing = Segments(folder, FileHead("billing", "sidecar", "here/2"))

    def run(self) -> None:
        began = time.monotonic()
        while self.written < self._events:
            due = min(self._events, int((time.monotonic() - began) * self._rate))
            for number in range(self.written, due):
                self._write(number)
            self.written = due
            time.sleep(0.02)

    def _write(self, number: int) -> None:
        now = time.time()
        event = EventIdentity(f"{number:08}-0000-4000-8000-000000000000", key=f"k-{number % 500}")
        data = json.dumps({"number": number, "note": "as usual " * 10})
        stored = Hop(HopKind.STORED, now, "api", "pubsub", "orders", event, part="sidecar", data=data)
        outcome = "RETRY" if number % 50 == 0 else "SUCCESS"
        taken = Hop(HopKind.DELIVERED, now + 0.001, "billing", "pubsub", "orders", event, part="sidecar")
        self._api.append(hop_line(stored))
        self._billing.append(hop_line(taken._replace(outcome=outcome)))


def look_at_page(events: int, rate: int, chromium: Path) -> None:
    """Print the times of clicks, every few seconds and in the end."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address, server = stack.enter_context(dashboard(folder / "hops", _made(folder / "hops").parent))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        stack.callback(browser.close)
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("#live")
        writer = Writer(folder / "hops", events, rate)
        writer.start()
        clicks, answers = list[float](), list[float]()
        while writer.is_alive():
            page.wait_for_timeout(LOOK_EVERY * 1000)
            clicks += [page.evaluate(CLICK, "#theme") for _ in range(10)]
            answers.append(_pause_and_resume(page))
            told = f"{writer.written:,} events: server {_mib(server):.0f} MiB"
            print(f"{told}; a click, the slowest of ten {max(clicks[-10:]):.0f} ms", flush=True)
        middle, most = statistics.median(clicks), max(clicks)
        print(f"click to next frame: median {middle:.1f} ms, most {most:.1f} ms of {len(clicks)}")
        middle, most = statistics.median(answers), max(answers)
        print(
            f"Pause to its answer in the page: median {middle:.0f} ms, most {most:.0f} ms of {len(answers)}"
        )


def look_at_memory(events: int, rate: int, chromium: Path) -> None:
    """Print the memory of the process of the page, every few seconds and in the end."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address, _ = stack.enter_context(dashboard(_made(folder / "hops"), folder))
        profile = f"--user-data-dir={folder / 'profile'}"
        command = [str(chromium), "--headless=new", "--no-sandbox", profile, address]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(browser.wait)
        stack.callback(browser.terminate)
        writer = Writer(folder / "hops", events, rate)
        writer.start()
        memory = list[float]()
        while writer.is_alive():
            time.sleep(LOOK_EVERY)
            memory.append(_memory_of_page())
            print(f"{writer.written:,} events: page {memory[-1]:.0f} MiB", flush=True)
        print(f"page: median {statistics.median(memory):.0f} MiB, most {max(memory):.0f} MiB")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _pause_and_resume(page: Page) -> float:
    """Milliseconds until the page shows what the server has answered to *Pause*."""
    waits = """async () => {
      const began = performance.now();
      document.querySelector("#pause").click();
      while (!location.search.includes("paused=1")) await new Promise(go => setTimeout(go, 2));
      return performance.now() - began;
    }"""
    took: float = page.evaluate(waits)
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Pause").wait_for()
    return took


def _memory_of_page() -> float:
    """MiB that the process of the page has for itself alone."""
    own = [
        process
        for process in psutil.Process().children(recursive=True)
        if any("--type=renderer" in part for part in _command(process))
    ]
    return max(_mib(process) for process in own)


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _mib(process: psutil.Process) -> float:
    used: float = process.memory_full_info().uss / MIB
    return used


def compare_rates(case: str, events: int, rounds: int) -> None:
    """Print the ratio of events/s with a dashboard that is looked at to that without, and those of CPU."""
    sidecar, load = CASES[case]
    load = replace(load, events=events)
    rates, costs = list[float](), list[float]()
    for number in range(rounds):
        found: dict[bool, dict[str, float]] = {}
        for looked_at in (False, True) if number % 2 == 0 else (True, False):
            with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
                hops = _made(Path(folder) / "hops")
                if looked_at:
                    address, _ = stack.enter_context(dashboard(hops, Path(folder)))
                    stack.enter_context(_reading(address))
                recorded = {"OUTBOARD_HOPS": str(hops), "OUTBOARD_HOPS_DATA": "true"}
                beside = replace(sidecar, environment={**sidecar.environment, **recorded})
                found[looked_at] = measure(beside, load)
        rates.append(found[True]["events/s"] / found[False]["events/s"])
        costs.append(found[True]["cpu sidecar"] / found[False]["cpu sidecar"])
        print(f"{case}: {found[False]['events/s']:,.0f} events/s without, {found[True]['events/s']:,.0f} "
              f"with a dashboard; CPU of the sidecar an event: {costs[-1]:.3f} x", flush=True)  # fmt: skip
    print(f"{case}: median ratio of events/s {statistics.median(rates):.3f}, of the sidecar's CPU "
          f"{statistics.median(costs):.3f}")  # fmt: skip


@contextlib.contextmanager
def _reading(address: str) -> Iterator[None]:
    """Somebody looks at the page of events: its stream is read."""
    own = address.partition("/?")[0]
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    opener.open(address, timeout=10).close()
    stream = opener.open(f"{own}/events/stream", timeout=60)

    def read() -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):  # the dashboard has ended
            while stream.read(65_536):
                pass

    threading.Thread(target=read, daemon=True).start()
    yield


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("page", "memory", "rate"))
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--case", default="memory single", choices=list(CASES))
    parser.add_argument("--chromium", type=Path, default=DEFAULT_CHROMIUM)
    arguments = parser.parse_args()
    print_machine()
    if arguments.what == "page":
        look_at_page(arguments.events, arguments.rate, arguments.chromium)
    elif arguments.what == "memory":
        look_at_memory(arguments.events, arguments.rate, arguments.chromium)
    else:
        compare_rates(arguments.case, arguments.events, arguments.rounds)


if __name__ == "__main__":
    main()
