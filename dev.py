#!/usr/bin/env python3
"""Outboard's own commands, for a fresh clone on any machine that has Python 3.11 or newer.

    python3 dev.py demo       run the to-do system here, with nothing else installed
    python3 dev.py test       run the tests; what follows goes to pytest, and --all leaves none out
    python3 dev.py check      lint, format, types and the direction of imports
    python3 dev.py fastapi    the unit and typing tests with each of FastAPI's last three minor versions
    python3 dev.py pythons    the same with each Python from 3.11 to 3.14 that this machine has
    python3 dev.py docs       build the documentation as a site, and serve it here
    python3 dev.py engines    set up the real engines that some tests need
    python3 dev.py cluster    run Kubernetes with Dapr here, and the to-do system's pods on it
    python3 dev.py chaos      prove with real processes, under real faults, that no event is lost
    python3 dev.py simulate   run the simulation that the tests of delivery stand on, by seeds
    python3 dev.py lock       write requirements/constraints.txt anew after a change of pyproject.toml

Only the standard library is used. The commands make `.venv` in the clone and install into it what
pyproject.toml asks for, in the versions that requirements/constraints.txt names, and again only when one of
the two changes. The file stays readable for Python 3.8, so that an old Python gives a sentence (or hands over
to a newer one on the path) and not a SyntaxError.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import BinaryIO

MINIMUM = (3, 11)
"""The oldest Python that Outboard runs on, as in pyproject.toml."""
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""Those that Outboard supports, as in requirements/locking.py."""
MINIMUM_PIP = (25, 1)
"""The first pip that knows `--group`."""
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
LOCK = ".venv.lock"
"""The file that tells one dev.py of another."""
DEMO = Path("examples", "todo", "dapr.yaml")
GIVEN_PORT = re.compile(r"^ +(?:appPort|daprHTTPPort): *([0-9]+)", re.MULTILINE)
"""In the demo's file; that of the page, which the first app serves, comes first."""
CONSTRAINTS = Path("requirements", "constraints.txt")
"""The versions of everything that is installed here. Users of the package have its lower bounds alone."""
VERSIONS = {"--newest": "the newest there are", "--lowest": "the oldest that pyproject.toml allows"}
"""The options that install other versions than those: option → which."""
EVERYTHING = "--all"
"""The option of `test` that leaves nothing out where no engine is set up."""
QUICK = ("tests/unit", "tests/structure", "tests/contract")
"""What `test` runs unless it is told what: where no engine is set up, as in a fresh clone."""
WINDOWS = os.name == "nt"
PACKAGES: dict[str, tuple[str, ...]] = {
    "demo": ("--editable", ".[dashboard,grpc,sql]"),
    "dev": ("--editable", ".[dashboard,grpc,sql]", "--group", "dev", "--group", "docs"),
    "docs": ("--editable", ".[sql,testing]", "--group", "docs"),
    "lock": ("--group", "lock"),
}
"""What pip installs, by purpose. `dev` contains all of `demo`."""
CHECKS: dict[str, tuple[str, ...]] = {
    "ruff check": ("-m", "ruff", "check", "."),
    "ruff format": ("-m", "ruff", "format", "--check", "."),
    "mypy": ("-m", "mypy"),
    "pyright": ("-m", "pyright"),
    "import-linter": ("-c", "from importlinter.cli import lint_imports_command as run; run()"),
}
"""The checks in their order, quick ones first: name → arguments to the clone's own Python."""
FIXES: dict[str, tuple[str, ...]] = {
    "ruff check --fix": ("-m", "ruff", "check", "--fix", "--exit-zero", "."),
    "ruff format": ("-m", "ruff", "format", "."),
}


class Problem(Exception):
    """What stands in the way and what to do about it: shown as it is, without a traceback."""


def say(text: str) -> None:
    """Tell what is going on, on standard error: standard output belongs to the command that is run."""
    print(f"dev.py: {text}", file=sys.stderr, flush=True)


# --- Python -------------------------------------------------------------------------------------------


def is_new_enough(version: Sequence[object]) -> bool:
    """Whether a Python of `version`, as in `sys.version_info`, can run Outboard."""
    return tuple(version[:2]) >= MINIMUM


def version_of(command: Sequence[str]) -> tuple[int, ...] | None:
    """The version of the Python that `command` starts, or None if it does not start one."""
    program = "import sys; print(*sys.version_info[:3])"
    try:
        done = subprocess.run([*command, "-c", program], capture_output=True, text=True, check=False)
    except OSError:
        return None
    numbers = done.stdout.split()
    return tuple(int(n) for n in numbers) if done.returncode == 0 and len(numbers) == 3 else None


def newer_python() -> list[str] | None:
    """The command of a Python on this machine that is new enough, or None."""
    names = [["python3.13"], ["python3.12"], ["python3.11"], ["python3.14"], ["py", "-3"]]
    for command in [[str(python_of(VENV))], *names]:
        if shutil.which(command[0]) and is_new_enough(version_of(command) or (0,)):
            return command
    return None


def refuse_old_python(arguments: Sequence[str]) -> int:
    """Hand `arguments` to a newer Python of this machine, or say how to get one."""
    found = newer_python()
    if found is None:
        raise Problem(
            f"Outboard needs Python {MINIMUM[0]}.{MINIMUM[1]} or newer; this is {platform.python_version()} "
            f"({sys.executable}).\nInstall a newer one (https://www.python.org/downloads/, or: apt install "
            "python3.11 · brew install python · winget install Python.Python.3.13) and run it with dev.py."
        )
    say(f"this Python is {platform.python_version()}; going on with {' '.join(found)}")
    return hand_over([*found, str(Path(__file__).resolve()), *arguments], os.environ)


def hand_over(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Become `command`, in the clone, so that signals and exit code are its own.

    Windows cannot replace a process: there it is waited for, and Ctrl-C, which reaches the whole console,
    is left to it.
    """
    os.chdir(ROOT)
    sys.stdout.flush()
    sys.stderr.flush()
    if not WINDOWS:
        os.execvpe(command[0], list(command), dict(environment))
    process = subprocess.Popen(command, env=environment)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


# --- The clone's own environment ----------------------------------------------------------------------


def scripts_of(venv: Path, windows: bool = WINDOWS) -> Path:
    """The folder of an environment that holds its Python and its commands."""
    return venv / ("Scripts" if windows else "bin")


def python_of(venv: Path, windows: bool = WINDOWS) -> Path:
    """The Python of an environment."""
    return scripts_of(venv, windows) / ("python.exe" if windows else "python")


def environment_for(base: Mapping[str, str], venv: Path) -> dict[str, str]:
    """`base` as a command inside `venv` should see it.

    Its commands come first on the path (dapr.yaml names them), and what would bring other packages in, or
    make pip install elsewhere, is left out.
    """
    foreign = {"PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "__PYVENV_LAUNCHER__"}
    kept = {name: value for name, value in base.items() if name not in foreign}
    path = os.pathsep.join(filter(None, [str(scripts_of(venv)), base.get("PATH", "")]))
    return {**kept, "VIRTUAL_ENV": str(venv), "PATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def fingerprint(asked: Sequence[bytes], python: Sequence[int], venv: Path, versions: str) -> str:
    """Changes when an installed environment is no longer the right one; `asked` is what says which is."""
    rest = (tuple(python), str(venv), versions, PACKAGES)
    return hashlib.sha256(b"\0".join([*asked, repr(rest).encode()])).hexdigest()


def constrained(environment: Mapping[str, str], constraints: Path) -> dict[str, str]:
    """`environment`, in which each pip keeps to `constraints`: dev.py's own, and those that tests start.

    The variables hold a list with spaces between, so the file is named by its address.
    """
    address = constraints.resolve().as_uri()
    return {**environment, "PIP_CONSTRAINT": address, "PIP_BUILD_CONSTRAINT": address}


def is_installed(stamp: Mapping[str, object], purpose: str, wanted: str) -> bool:
    """Whether the packages of `purpose` are there already, by the stamp of the last installation."""
    return stamp.get("fingerprint") == wanted and stamp.get("purpose") in (purpose, "dev")


def stamp_file(venv: Path) -> Path:
    """Where the last installation left its stamp."""
    return venv / "outboard-dev.json"


def read_stamp(venv: Path) -> dict[str, object]:
    """What the last installation into `venv` left behind: empty if it never came to its end."""
    try:
        content = json.loads(stamp_file(venv).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def create(venv: Path) -> None:
    """Make `venv` anew with the Python that runs this, whether or not that one is in an environment."""
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        raise Problem(
            f"this Python ({sys.executable}) cannot make environments: its module `venv` or `ensurepip` is "
            f"missing.\nOn Debian and Ubuntu: apt install python3.{sys.version_info[1]}-venv"
        )
    say(f"making {venv} with Python {platform.python_version()}")
    if subprocess.call([sys.executable, "-m", "venv", "--clear", str(venv)]) != 0:
        raise Problem(f"could not make {venv}; the reason stands above (a full disk? a read-only folder?)")


def explain_pip(output: str) -> str:
    """What a failed pip most likely means and what to do next, by its `output`."""
    if re.search(r"NewConnectionError|NameResolution|getaddrinfo|ConnectTimeout|ReadTimeout|Proxy", output):
        return (
            "the package index cannot be reached. The first run needs the network once; behind a proxy set "
            "HTTPS_PROXY, with an index of your own set PIP_INDEX_URL. Then run the same command again."
        )
    if "No space left" in output:
        return "the disk is full. Make room and run the same command again."
    return "pip could not install what pyproject.toml asks for; its own message stands above."


def pip(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run the environment's pip; its progress is for a person at a terminal, not for a log."""
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    command = [str(python_of(VENV)), "-m", "pip", "install", *quiet, *arguments]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line.decode("utf-8", "replace"))
        sys.stderr.write(lines[-1])
        sys.stderr.flush()
    if process.wait() != 0:
        raise Problem(explain_pip("".join(lines)))


def upgrade_pip(environment: Mapping[str, str]) -> None:
    """Bring a pip that knows `--group`; an environment made without pip gets one first."""
    asked = [str(python_of(VENV)), "-m", "pip", "--version"]
    answer = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
    bring = [str(python_of(VENV)), "-m", "ensurepip", "--upgrade"]
    if answer.returncode != 0 and subprocess.call(bring, env=environment, stdout=sys.stderr) != 0:
        raise Problem(f"{VENV} has no pip and cannot get one; delete that folder and run this again")
    found = re.match(r"pip (\d+)\.(\d+)", answer.stdout)
    if found is None or (int(found[1]), int(found[2])) < MINIMUM_PIP:
        pip(["--upgrade", f"pip>={MINIMUM_PIP[0]}.{MINIMUM_PIP[1]}"], environment)


def bring_venv() -> tuple[dict[str, object], tuple[int, ...]]:
    """See to it that `.venv` has a Python that will do; the last installation's stamp, and its version."""
    stamp = read_stamp(VENV)
    version = version_of([str(python_of(VENV))])
    moved = bool(stamp) and stamp.get("venv") != str(VENV)
    if version is None or not is_new_enough(version) or moved:
        create(VENV)
        return {}, tuple(sys.version_info[:3])
    return stamp, version


def try_lock(file: BinaryIO) -> bool:
    """Take the lock of an open file, until it is closed; False where somebody else has it."""
    try:
        if WINDOWS:
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks: nobody can be told of
        return True
    return True


@contextmanager
def alone() -> Iterator[None]:
    """Meanwhile no other dev.py of this clone changes `.venv`: one that has begun before is waited for."""
    try:
        file = (ROOT / LOCK).open("ab")
    except OSError:  # a folder that is only read: either all is there, or what is asked next says so
        yield
        return
    with file:
        if not try_lock(file):
            say("another dev.py sets .venv up just now; waiting for it")
            while not try_lock(file):
                time.sleep(0.2)
        yield


def set_up(purpose: str, versions: str = "") -> dict[str, str]:
    """Bring `.venv` to what pyproject.toml asks for `purpose`; the environment variables for its commands.

    `versions` is one of VERSIONS, or empty for those of the constraints file. Nothing is installed while the
    stamp of the last installation still holds, save with `--newest`, which changes by itself. Raises Problem.
    """
    with alone():
        return bring(purpose, versions)


def bring(purpose: str, versions: str) -> dict[str, str]:
    """As `set_up`, which sees to it that nobody else does so just then."""
    stamp, version = bring_venv()
    environment = environment_for(os.environ, VENV)
    file = {"": ROOT / CONSTRAINTS, "--lowest": VENV / "lowest.txt"}.get(versions)
    kept_to = constrained(environment, file) if file else environment
    asked = [(ROOT / each).read_bytes() for each in ("pyproject.toml", CONSTRAINTS)]
    wanted = fingerprint(asked, version, VENV, versions)
    if is_installed(stamp, purpose, wanted) and versions != "--newest":
        return kept_to
    say("installing what pyproject.toml asks for into .venv (a minute or two, once)")
    stamp_file(VENV).unlink(missing_ok=True)  # what is interrupted now has to be done again
    upgrade_pip(environment)
    if versions == "--lowest":
        write_lowest(environment, version, VENV / "lowest.txt")
    newest = ("--upgrade", "--upgrade-strategy", "eager") if versions == "--newest" else ()
    pip((*newest, *PACKAGES[purpose]), kept_to)
    content = {"purpose": purpose, "fingerprint": wanted, "venv": str(VENV)}
    stamp_file(VENV).write_text(json.dumps(content), encoding="utf-8")
    return kept_to


def write_lowest(environment: Mapping[str, str], python: Sequence[int], target: Path) -> None:
    """Write the oldest versions that pyproject.toml allows on this Python to `target`. Raises Problem."""
    from requirements.locking import Unresolvable, lowest

    pip(PACKAGES["lock"], environment)
    try:
        lowest(ROOT, python_of(VENV), environment, target, ".".join(map(str, python[:2])))
    except Unresolvable as problem:
        raise Problem(f"the lower bounds of pyproject.toml do not fit together:\n{problem}") from problem


# --- The commands -------------------------------------------------------------------------------------


def page_address(dapr_yaml: str) -> str:
    """The address of the page: the backend serves it, the first app of the demo's dapr.yaml."""
    port = re.search(r"^ +appPort: *([0-9]+)", dapr_yaml, re.MULTILINE)
    return f"http://localhost:{port[1]}" if port else "the backend's address below"


def is_free(port: int) -> bool:
    """Whether nobody listens on `port` of loopback."""
    with socket.socket() as probe:
        if not WINDOWS:  # there it would take a port from under the process that has it
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def demo_ports(dapr_yaml: str, page: int | None, is_free: Callable[[int], bool] = is_free) -> dict[int, int]:
    """The ports that the demo's `dapr_yaml` gives, and those to take instead: the next free ones.

    `page` is the one that somebody wants for the page. It is taken as it is.
    """
    taken: dict[int, int] = {}
    all_given = [int(port) for port in GIVEN_PORT.findall(dapr_yaml)]
    for index, given in enumerate(all_given):
        wanted = page if page is not None and index == 0 else given
        others = {*taken.values(), *all_given[index + 1 :]}
        free = (port for port in range(wanted, 65536) if port not in others and is_free(port))
        taken[given] = page if page is not None and index == 0 else next(free, given)
    return taken


def with_ports(dapr_yaml: str, ports: Mapping[int, int], folder: Path) -> str:
    """The demo's `dapr_yaml` with other ports, for a file that lies elsewhere than in `folder`."""
    any_port = rf"\b(?:{'|'.join(map(str, ports))})\b"
    moved = re.sub(any_port, lambda found: str(ports[int(found[0])]), dapr_yaml)
    moved = re.sub(r"(resourcesPath: )\./", lambda found: f"{found[1]}{folder.as_posix()}/", moved)
    return re.sub(r"(appDirPath: )\.", lambda found: f"{found[1]}{folder.as_posix()}", moved)


def demo(rest: Sequence[str], port: int | None) -> int:
    """Run the to-do system until Ctrl-C."""
    environment = set_up("demo")
    file, text = DEMO, (ROOT / DEMO).read_text(encoding="utf-8")
    ports = demo_ports(text, port)
    for given, other in ports.items():
        if given != other:
            why = "as you say" if other == port else f"{given} is taken"
            say(f"port {other} in the place of {given}: {why}")
    if any(given != other for given, other in ports.items()):
        text = with_ports(text, ports, (ROOT / DEMO).parent)
        file = VENV / "demo" / DEMO.name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    say(f"starting the to-do system: open {page_address(text)}")
    say("Ctrl-C stops everything")
    return hand_over([str(python_of(VENV)), "-m", "outboard", "run", "-f", str(file), *rest], environment)


def chosen_tests(rest: Sequence[str], versions: str, everything: bool) -> list[str]:
    """What pytest is given: `rest`, or the quick tests for whoever asks for nothing and has no engine."""
    from engines.problem import EngineProblem
    from engines.record import read_record

    try:
        is_fresh = not read_record(ROOT)
    except EngineProblem as problem:
        raise Problem(str(problem)) from problem
    if rest or versions or everything or not is_fresh:
        return list(rest)
    say(f"no engine is set up here, so these run, on all cores: {', '.join(QUICK)}")
    say("left out: programs, faults, pages, packages, the comparison with daprd: python3 dev.py test --all")
    say("left out: what needs Kafka, Redis, PostgreSQL, daprd or Kubernetes: python3 dev.py engines")
    say("all of it takes 48 minutes on two cores: most of that are programs that start, and real brokers")
    return ["-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder", "-m", "not slow", *QUICK]


def test(rest: Sequence[str], versions: str, everything: bool) -> int:
    """Run pytest; with old packages, which use what newer ones deprecate, a warning is no error."""
    asked = chosen_tests(rest, versions, everything)
    environment = set_up("dev", versions)
    warnings = ["-W", "default"] if versions == "--lowest" else []
    return hand_over([str(python_of(VENV)), "-m", "pytest", *warnings, *asked], environment)


def fastapi(rest: Sequence[str], behind: Sequence[int]) -> int:
    """Run pytest with FastAPI's last minor versions, or with those so far `behind` the newest."""
    from requirements.fastapi_versions import BEHIND, tried_with

    return trials(tried_with, behind or BEHIND, rest)


def pythons(rest: Sequence[str], versions: Sequence[str]) -> int:
    """Run pytest with each Python of `versions`, or with all of those that Outboard supports and finds."""
    from requirements.python_versions import tried_with

    return trials(tried_with, versions, rest)


def trials(tried_with: Callable[..., int], which: Sequence[object], rest: Sequence[str]) -> int:
    """What `tried_with` of a module of `requirements` says of `which`. Raises Problem."""
    from requirements.trials import TrialProblem

    environment = set_up("dev")
    try:
        return tried_with(ROOT, python_of(VENV), environment, which, rest, say)
    except TrialProblem as problem:
        raise Problem(str(problem)) from problem


def docs(build: bool, port: int) -> int:
    """Build the site strictly into build/site, or serve it, built again at each change of a page."""
    environment = {**set_up("docs"), "NO_MKDOCS_2_WARNING": "1"}  # an advertisement of its theme
    if build:
        arguments = ["build", "--strict"]
    else:
        say(f"the site will be at http://127.0.0.1:{port}; Ctrl-C stops it")
        arguments = ["serve", "--strict", "--dev-addr", f"127.0.0.1:{port}"]
    return hand_over([str(python_of(VENV)), "-m", "mkdocs", *arguments], environment)


def proof(program: str, rest: Sequence[str]) -> int:
    """Run a proof of delivery, which is a program in tests; `rest` is its own command line."""
    environment = set_up("dev")
    path = os.pathsep.join([str(ROOT / "tests"), str(ROOT)])
    command = [str(python_of(VENV)), "-m", program, *rest]
    return hand_over(command, {**environment, "PYTHONPATH": path})


def run_checks(checks: Mapping[str, Sequence[str]], environment: Mapping[str, str]) -> dict[str, bool]:
    """Run every one of `checks`, also after a failure: name → whether it passed."""
    passed = {}
    for name, arguments in checks.items():
        print(f"=== {name}", flush=True)
        started = time.monotonic()
        command = [str(python_of(VENV)), *arguments]
        passed[name] = subprocess.call(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL) == 0
        print(f"--- {name}: {'passed' if passed[name] else 'FAILED'} in {time.monotonic() - started:.1f} s\n")
    return passed


def check(fix: bool, versions: str) -> int:
    """Run every check, after the automatic corrections if `fix`; 1 if one of them failed."""
    environment = set_up("dev", versions)
    if fix:
        run_checks(FIXES, environment)
    passed = run_checks(CHECKS, environment)
    for name, fine in passed.items():
        print(f"{'passed' if fine else 'FAILED':>8}  {name}")
    return 0 if all(passed.values()) else 1


def write_constraints(upgrade: bool) -> int:
    """Write the constraints file anew. It may not fit pyproject.toml just now, so nothing heeds it here."""
    from requirements.locking import Unresolvable, lock

    with alone():
        bring_venv()
        environment = environment_for(os.environ, VENV)
        upgrade_pip(environment)
        pip(PACKAGES["lock"], environment)
    try:
        lock(ROOT, python_of(VENV), environment, ROOT / CONSTRAINTS, upgrade)
    except Unresolvable as problem:
        raise Problem(f"what pyproject.toml asks for does not fit together:\n{problem}") from problem
    say(f"{CONSTRAINTS} is up to date")
    return 0


def engines(names: Sequence[str], only_list: bool, output: str) -> int:
    """Set up the engines of `names` (all if empty), or say how it stands with them."""
    from engines.command import list_engines, set_up_engines
    from engines.problem import EngineProblem

    try:
        if only_list:
            print(list_engines(ROOT, names, as_json=output == "json"))
            return 0
        return set_up_engines(ROOT, names, say)
    except EngineProblem as problem:
        raise Problem(str(problem)) from problem


def cluster(action: str, rest: Sequence[str], port: int, output: str) -> int:
    """Start the cluster, end it, say how it stands with it, or be its kubectl."""
    from engines.cluster import command
    from engines.problem import EngineProblem

    try:
        if action == "up":
            return command.start(ROOT, say, port)
        if action == "down":
            return command.stop(ROOT, say)
        if action == "status":
            return command.status(ROOT, as_json=output == "json")
        return command.kubectl(ROOT, rest)
    except EngineProblem as problem:
        raise Problem(str(problem)) from problem


def parser() -> argparse.ArgumentParser:
    """The command line, with a help that shows how it is meant to be used."""
    top = argparse.ArgumentParser(
        prog="dev.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, help: str, example: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=help,
            description=f"{help[0].upper()}{help[1:]}.",
            epilog=f"examples:\n{example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    showing = command(
        "demo",
        "run the to-do system; other arguments go to `outboard run`",
        "  python3 dev.py demo                       its page at its own port, or at the next free one\n"
        "  python3 dev.py demo --port 9000           its page there; the option comes first",
    )
    showing.add_argument("--port", type=int, metavar="N", help="port of the page")
    testing = command(
        "test",
        "run the tests; other arguments go to pytest, paths count from the clone",
        "  python3 dev.py test                       everything, with engines; without, the quick ones\n"
        "  python3 dev.py test --all                 all that needs no engine, too\n"
        "  python3 dev.py test -q tests/unit         the quick ones\n"
        "  python3 dev.py test -x --lf               the first that failed last time\n"
        "  python3 dev.py test --newest -q           with the packages of today; the option comes first",
    )
    testing.add_argument(
        EVERYTHING, action="store_true", dest="everything", help="leave nothing out where no engine is set up"
    )
    checking = command(
        "check",
        "run ruff, mypy, pyright and import-linter, all of them, and sum up",
        "  python3 dev.py check\n  python3 dev.py check --fix",
    )
    checking.add_argument("--fix", action="store_true", help="first correct and format what ruff can")
    for each in (testing, checking):
        versions = each.add_mutually_exclusive_group()
        for option, which in VERSIONS.items():
            shown = f"with {which}, not with those of {CONSTRAINTS.as_posix()}"
            versions.add_argument(
                option, action="store_const", const=option, default="", dest="versions", help=shown
            )
    trying = command(
        "fastapi",
        "run the unit and typing tests with each of FastAPI's last three minor versions; what follows `--` "
        "goes to pytest",
        "  python3 dev.py fastapi                    each in an environment of its own, below .venv\n"
        "  python3 dev.py fastapi --behind 1         the last but one\n"
        "  python3 dev.py fastapi -- tests/unit/kit -q",
    )
    trying.add_argument(
        "--behind",
        type=int,
        choices=(0, 1, 2),
        action="append",
        default=[],
        help="so many minor versions before the newest; may be given more than once",
    )
    interpreting = command(
        "pythons",
        "run the unit and typing tests with each Python from 3.11 to 3.14 that this machine has (on PATH, in "
        "pyenv, or by the launcher `py`); what follows `--` goes to pytest",
        "  python3 dev.py pythons                    each in an environment of its own, below .venv\n"
        "  python3 dev.py pythons --version 3.13     that one; an error if it is not here\n"
        "  python3 dev.py pythons -- tests/unit/kit -q",
    )
    interpreting.add_argument(
        "--version",
        choices=PYTHONS,
        action="append",
        default=[],
        dest="versions",
        help="a Python that has to be here; may be given more than once",
    )
    documenting = command(
        "docs",
        "build the documentation as a site, and serve it on this machine; nothing is fetched from elsewhere",
        "  python3 dev.py docs                       at http://127.0.0.1:8080, built again at each change\n"
        "  python3 dev.py docs --port 9000\n"
        "  python3 dev.py docs --build               into build/site; a warning is a failure",
    )
    documenting.add_argument("--build", action="store_true", help="build it, and serve nothing")
    documenting.add_argument("--port", type=int, default=8080, metavar="N", help="8080 if not given")
    locking = command(
        "lock",
        "write requirements/constraints.txt anew, after a change of pyproject.toml or to take newer versions",
        "  python3 dev.py lock                       what fits pyproject.toml stays\n"
        "  python3 dev.py lock --upgrade             the newest of everything",
    )
    locking.add_argument("--upgrade", action="store_true", help="take the newest versions")
    command(
        "simulate",
        "run seeds of the simulation that proves delivery; other arguments go to it",
        "  python3 dev.py simulate --seeds 20000 --jobs 0    the long run\n"
        "  python3 dev.py simulate --seed 4711 --trace       one run, told line by line",
    )
    setting = command(
        "engines",
        "set up the engines that some tests need (Kafka, Redis, daprd, Kubernetes, …), or list them",
        "  python3 dev.py engines                    all of them; what is there already is kept\n"
        "  python3 dev.py engines kafka redis        some of them\n"
        "  python3 dev.py engines --list --output json",
    )
    setting.add_argument("names", nargs="*", metavar="NAME", help="an engine; all if none is named")
    setting.add_argument("--list", action="store_true", help="say what is set up, change nothing")
    setting.add_argument("--output", choices=("text", "json"), default="text", help="with --list")
    command(
        "chaos",
        "prove with real processes under real faults that no event is lost and none is applied twice",
        "  python3 dev.py chaos                      SQLite and pubsub.sqlite: no engine is needed\n"
        "  python3 dev.py chaos --help               its own options",
    )
    clustering = command(
        "cluster",
        "run Kubernetes with Dapr here, one node in namespaces of its own; on Linux, as root, after "
        "`dev.py engines cluster`",
        "  python3 dev.py cluster up                 start it, and say what to do with it\n"
        "  python3 dev.py cluster up --port 16443    its API at that port of 127.0.0.1\n"
        "  python3 dev.py cluster status             what runs; 1 if it does not answer\n"
        "  python3 dev.py cluster kubectl get pods -A\n"
        "  python3 dev.py cluster down               end it, with all it has, its volumes included",
    )
    clustering.add_argument("action", choices=("up", "down", "status", "kubectl"), help="see the examples")
    clustering.add_argument(
        "--port", type=int, default=0, metavar="N", help="with up: a free one if not given"
    )
    clustering.add_argument("--output", choices=("text", "json"), default="text", help="with status")
    return top


def split_off(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """`arguments` as those that are read here and those that go on to another program, in order."""
    is_help = list(arguments[1:]) in (["-h"], ["--help"])
    passes_on = tuple(arguments[:1]) in (("demo",), ("test",)) and not is_help
    passes_on = passes_on or list(arguments[:1]) in (["chaos"], ["simulate"])  # with a help of their own
    cut = 1 if passes_on else len(arguments)
    if arguments[:2] == ["cluster", "kubectl"]:
        cut = 2
    if list(arguments[:1]) in (["fastapi"], ["pythons"]) and "--" in arguments:
        cut = list(arguments).index("--")
        return list(arguments[:cut]), list(arguments[cut + 1 :])
    if arguments[:1] == ["demo"] and len(arguments) > 1 and arguments[1].partition("=")[0] == "--port":
        cut = 2 if "=" in arguments[1] else 3
    while arguments[:1] == ["test"] and cut < len(arguments) and arguments[cut] in (*VERSIONS, EVERYTHING):
        cut += 1
    return list(arguments[:cut]), list(arguments[cut:])


def main(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name; its exit code. Raises Problem."""
    own, rest = split_off(arguments)
    known = parser().parse_args(own)
    if not is_new_enough(sys.version_info):
        return refuse_old_python(arguments)
    if known.command == "demo":
        return demo(rest, known.port)
    if known.command == "test":
        return test(rest, known.versions, known.everything)
    if known.command == "fastapi":
        return fastapi(rest, known.behind)
    if known.command == "pythons":
        return pythons(rest, known.versions)
    if known.command == "chaos":
        return proof("chaos", rest)
    if known.command == "simulate":
        return proof("simulation", rest)
    if known.command == "check":
        return check(known.fix, known.versions)
    if known.command == "docs":
        return docs(known.build, known.port)
    if known.command == "lock":
        return write_constraints(known.upgrade)
    if known.command == "cluster":
        return cluster(known.action, rest, known.port, known.output)
    return engines(known.names, known.list, known.output)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Problem as problem:
        say(str(problem))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
