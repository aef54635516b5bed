"""Runs a page of the documentation as its reader would.

- A block with a title is a file: ```python title="events.py". Each module among them is imported at the end.
- An untitled ```python block is executed, the blocks of a page one after another in one namespace.
- In ```console a line that starts with `$ ` is a command; what follows must stand in its output, each line
  within some line of it, in order. `...` stands for anything. `$ outboard run` stays in the background until
  the page ends, and a block without a command says what its output shows by then. The home is an empty one.
- ```text and ```json are for the eye. Any other kind of block is an error, so that nothing escapes.

Ports in pages are the usual ones; here each becomes a free one.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(?P<kind>\w*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$", re.M | re.S)
FOR_THE_EYE = {"text", "json"}
PORTS = re.compile(r"\b(3500|3501|8000|8001|50001|50002)\b")
ALREADY_DONE = ("pip install", "python -m venv", "source ", "mkdir ", "cd ", "git clone", "python3 dev.py")
PATIENCE = 60.0


@dataclass(frozen=True)
class Block:
    kind: str
    title: str | None
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = [
        Block(match["kind"], match["title"], match["text"], text[: match.start()].count("\n") + 1)
        for match in FENCE.finditer(text)
    ]
    if text.count("\n```") + text.startswith("```") != 2 * len(found):
        raise AssertionError(f"{page}: a fence is not closed, or its first line is of no known form")
    return found


class Background:
    """A command that goes on, and what it has said so far."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.lines: list[str] = []
        flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # only Windows has it
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            creationflags=flags,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    def wait_for(self, expected: list[str]) -> None:
        deadline = time.monotonic() + PATIENCE
        while (missing := first_missing(expected, self.lines)) is not None:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"never said: {missing}\n{''.join(self.lines)}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT))
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert code == 0, "".join(self.lines)


def first_missing(expected: list[str], lines: list[str]) -> str | None:
    """The first expected line that no line shows, each searched after the one before it."""
    rest = iter(lines)
    for wanted in expected:
        if not any(wanted in line for line in rest):
            return wanted
    return None


def run_page(page: Path, folder: Path) -> None:
    """Run the blocks of `page` in `folder`, an empty one."""
    namespace: dict[str, object] = {"__name__": "page"}
    with importable(folder), ExitStack() as stack:
        ports = {usual: str(free) for usual, free in free_ports().items()}
        runner = Runner(folder, stack, ports)
        for block in blocks(page):
            text = PORTS.sub(lambda match: ports[match[0]], block.text)
            try:
                run_block(block, text, folder, namespace, runner)
            except Exception as error:
                raise AssertionError(f"{page}:{block.line}: {error}") from error
        for module in sorted(folder.glob("*.py")):
            runner.run_command(f"python -W error -c 'import {module.stem}'", [])


def run_block(block: Block, text: str, folder: Path, namespace: dict[str, object], runner: Runner) -> None:
    if block.title is not None:
        target = folder / block.title
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    elif block.kind == "python":
        exec(compile(text, f"<line {block.line}>", "exec"), namespace)
    elif block.kind == "console":
        runner.run(text)
    elif block.kind not in FOR_THE_EYE:
        raise AssertionError(f"a block of kind {block.kind!r} without a title is not run by anything")


class Runner:
    """Runs console blocks in one folder."""

    def __init__(self, folder: Path, stack: ExitStack, ports: dict[str, str]) -> None:
        self.folder = folder
        self.ports = ports
        self.stack = stack
        self.background: Background | None = None
        scripts = str(Path(sys.executable).parent)
        self.environment = {
            **os.environ,
            "PATH": scripts + os.pathsep + os.environ["PATH"],
            "NO_COLOR": "1",
            "COLUMNS": "200",
            "PYTHONUTF8": "1",
            "HOME": str(folder / ".home"),  # for its own components and runs
            "USERPROFILE": str(folder / ".home"),
        }
        (folder / ".home").mkdir()

    def run(self, text: str) -> None:
        commands = re.split(r"^\$ ", text.replace("\\\n", " "), flags=re.M)
        if shown := expectations(commands[0]):
            assert self.background is not None, "nothing runs that could have said this"
            self.background.wait_for(shown)
        for command in commands[1:]:
            line, _, output = command.partition("\n")
            self.run_command(line.strip(), expectations(output))

    def run_command(self, line: str, expected: list[str]) -> None:
        if line.startswith(ALREADY_DONE):
            return
        words = shlex.split(line)
        if words[:2] == ["outboard", "sidecar"]:  # its usual port for gRPC may be another one's here
            words += ["--dapr-grpc-port", str(free_ports()["50001"])]
        if words[:2] in (["outboard", "run"], ["outboard", "sidecar"]):
            self.background = Background(words, self.folder, self.environment)
            self.stack.callback(self.background.stop)
            self.background.wait_for(expected)
            return
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        if words[:2] == ["outboard", "new"]:
            self._move_ports()
        assert "Traceback" not in done.stdout, f"`{line}`:\n{done.stdout}"
        missing = first_missing(expected, done.stdout.splitlines())
        assert missing is None, f"`{line}` did not show: {missing}\n{done.stdout}"

    def _move_ports(self) -> None:
        """What the command made has the usual ports, as the page."""
        for file in (self.folder / "dapr.yaml", self.folder / ".vscode" / "launch.json"):
            text = file.read_text(encoding="utf-8")
            file.write_text(PORTS.sub(lambda match: self.ports[match[0]], text), encoding="utf-8")


def expectations(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() not in ("", "...")]


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).is_relative_to(folder):
                del sys.modules[name]


def free_ports() -> dict[str, int]:
    """A free port for each usual one; all are held at once so that no two are the same."""
    ports = {}
    with ExitStack() as held:
        for name in ("3500", "3501", "8000", "8001", "50001", "50002"):
            probe = held.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            ports[name] = probe.getsockname()[1]
    return ports
