"""dev.py: what it reads, hands over and installs. Nothing is installed and no network is used."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import dev
from requirements.locking import PYTHONS

PYTHON = tuple(sys.version_info[:3])


class Installer:
    """Stands in for pip and `venv`, and remembers what was asked of them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.kept_to: list[str | None] = []
        self.fails = False
        self.version: tuple[int, ...] | None = None

    def pip(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self.asked.append(tuple(arguments))
        self.kept_to.append(environment.get("PIP_CONSTRAINT"))
        if self.fails:
            raise dev.Problem("no network")

    def create(self, venv: Path) -> None:
        self.asked.append(("create", venv.name))
        venv.mkdir(exist_ok=True)
        self.version = PYTHON


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    """A clone with a pyproject.toml, its constraints, and nothing else."""
    fake = Installer()
    monkeypatch.delenv("PIP_CONSTRAINT", raising=False)
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    (tmp_path / dev.CONSTRAINTS).parent.mkdir()
    (tmp_path / dev.CONSTRAINTS).write_text("pyyaml==6.0.4\n", encoding="utf-8")
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    monkeypatch.setattr(dev, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(dev, "pip", fake.pip)
    monkeypatch.setattr(dev, "create", fake.create)
    monkeypatch.setattr(dev, "upgrade_pip", lambda _: None)
    monkeypatch.setattr(dev, "version_of", lambda _: fake.version)
    return fake


def test_the_first_run_makes_the_environment_and_installs(installer: Installer) -> None:
    dev.set_up("dev")
    assert installer.asked == [("create", ".venv"), dev.PACKAGES["dev"]]


def test_the_second_run_installs_nothing(installer: Installer) -> None:
    dev.set_up("dev")
    installer.asked.clear()
    dev.set_up("dev")
    dev.set_up("demo")
    assert installer.asked == []


def test_the_demo_alone_does_not_satisfy_the_tests(installer: Installer) -> None:
    dev.set_up("demo")
    installer.asked.clear()
    dev.set_up("dev")
    assert installer.asked == [dev.PACKAGES["dev"]]


def test_a_changed_pyproject_is_installed_again(installer: Installer) -> None:
    dev.set_up("dev")
    installer.asked.clear()
    (dev.ROOT / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")
    dev.set_up("dev")
    assert installer.asked == [dev.PACKAGES["dev"]]


def test_changed_constraints_are_installed(installer: Installer) -> None:
    dev.set_up("dev")
    installer.asked.clear()
    (dev.ROOT / dev.CONSTRAINTS).write_text("pyyaml==6.0.5\n", encoding="utf-8")
    dev.set_up("dev")
    assert installer.asked == [dev.PACKAGES["dev"]]


def test_every_pip_keeps_to_the_constraints_also_those_that_tests_start(installer: Installer) -> None:
    wanted = (dev.ROOT / dev.CONSTRAINTS).resolve().as_uri()
    for environment in (dev.set_up("demo"), dev.set_up("dev"), dev.set_up("dev")):
        assert environment["PIP_CONSTRAINT"] == environment["PIP_BUILD_CONSTRAINT"] == wanted
    assert installer.kept_to == [wanted, wanted]


def test_the_newest_versions_are_looked_for_each_time_and_keep_to_nothing(installer: Installer) -> None:
    for _ in range(2):
        assert "PIP_CONSTRAINT" not in dev.set_up("dev", "--newest")
    newest = ("--upgrade", "--upgrade-strategy", "eager", *dev.PACKAGES["dev"])
    assert installer.asked == [("create", ".venv"), newest, newest]
    assert installer.kept_to == [None, None]


def test_after_the_newest_versions_those_of_the_constraints_come_back(installer: Installer) -> None:
    dev.set_up("dev")
    dev.set_up("dev", "--newest")
    installer.asked.clear()
    dev.set_up("dev")
    assert installer.asked == [dev.PACKAGES["dev"]]


def test_the_oldest_versions_are_worked_out_once(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    monkeypatch.setattr(dev, "write_lowest", lambda _, __, target: written.append(target))
    for _ in range(2):
        environment = dev.set_up("dev", "--lowest")
        assert environment["PIP_CONSTRAINT"] == (dev.VENV / "lowest.txt").resolve().as_uri()
    assert written == [dev.VENV / "lowest.txt"]
    assert installer.asked == [("create", ".venv"), dev.PACKAGES["dev"]]


def test_a_failed_installation_is_tried_again(installer: Installer) -> None:
    installer.fails = True
    with pytest.raises(dev.Problem, match="no network"):
        dev.set_up("dev")
    installer.fails = False
    installer.asked.clear()
    dev.set_up("dev")
    assert installer.asked == [dev.PACKAGES["dev"]]


def test_an_interrupted_upgrade_does_not_count_as_the_old_state(installer: Installer) -> None:
    dev.set_up("dev")
    before = (dev.ROOT / "pyproject.toml").read_bytes()
    (dev.ROOT / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")
    installer.fails = True
    with pytest.raises(dev.Problem):
        dev.set_up("dev")
    installer.fails = False
    installer.asked.clear()
    (dev.ROOT / "pyproject.toml").write_bytes(before)
    dev.set_up("dev")
    assert installer.asked == [dev.PACKAGES["dev"]]


@pytest.mark.parametrize("version", [None, (3, 10, 13)], ids=["broken", "too old"])
def test_an_environment_that_cannot_be_used_is_made_anew(
    installer: Installer, version: tuple[int, ...] | None
) -> None:
    dev.set_up("dev")
    installer.asked.clear()
    installer.version = version
    dev.set_up("dev")
    assert installer.asked == [("create", ".venv"), dev.PACKAGES["dev"]]


def test_a_clone_that_was_moved_gets_a_new_environment(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev.set_up("dev")
    installer.asked.clear()
    moved = dev.ROOT / "moved"
    (dev.ROOT / ".venv").rename(moved)
    monkeypatch.setattr(dev, "VENV", moved)
    dev.set_up("dev")
    assert installer.asked == [("create", "moved"), dev.PACKAGES["dev"]]


def test_a_damaged_stamp_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "outboard-dev.json").write_text('{"purpose": ', encoding="utf-8")
    assert dev.read_stamp(tmp_path) == {}


def test_commands_see_the_environment_first_and_nothing_foreign() -> None:
    base = {
        "PATH": "/usr/bin",
        "PYTHONPATH": "/ros",
        "PIP_USER": "1",
        "PIP_INDEX_URL": "https://index.example",
    }
    seen = dev.environment_for(base, Path("clone", ".venv"))
    assert seen["PATH"].split(os.pathsep) == [str(dev.scripts_of(Path("clone", ".venv"))), "/usr/bin"]
    assert seen["PIP_INDEX_URL"] == "https://index.example"
    assert not {"PYTHONPATH", "PIP_USER"} & seen.keys()


def test_windows_keeps_its_executables_elsewhere() -> None:
    assert dev.python_of(Path(".venv"), windows=True) == Path(".venv", "Scripts", "python.exe")
    assert dev.python_of(Path(".venv"), windows=False) == Path(".venv", "bin", "python")


@pytest.mark.parametrize(
    ("output", "meaning"),
    [
        ("NewConnectionError('<pip._vendor...>: Failed to establish a new connection')", "HTTPS_PROXY"),
        ("[Errno 11001] getaddrinfo failed", "needs the network once"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: Cannot install a and b because of conflicting dependencies", "message stands above"),
    ],
)
def test_a_failed_pip_is_explained(output: str, meaning: str) -> None:
    assert meaning in dev.explain_pip(output)


@pytest.mark.parametrize(
    ("line", "own", "rest"),
    [
        ("test -q tests/unit -k 'x'", "test", "-q tests/unit -k 'x'"),
        ("demo --log-level debug", "demo", "--log-level debug"),
        ("demo --port 9000 --reload", "demo --port 9000", "--reload"),
        ("demo --port=9000 --reload", "demo --port=9000", "--reload"),
        ("test --help", "test --help", ""),
        ("test -h", "test -h", ""),
        ("test --newest -q tests/unit", "test --newest", "-q tests/unit"),
        ("test -q --newest", "test", "-q --newest"),
        ("check --fix", "check --fix", ""),
        ("check --lowest", "check --lowest", ""),
        ("lock --upgrade", "lock --upgrade", ""),
        ("fastapi --behind 1", "fastapi --behind 1", ""),
        ("fastapi --behind 1 -- tests/unit/kit -q", "fastapi --behind 1", "tests/unit/kit -q"),
        ("pythons --version 3.13", "pythons --version 3.13", ""),
        ("pythons --version 3.13 -- -q tests/unit", "pythons --version 3.13", "-q tests/unit"),
        ("engines daprd --list", "engines daprd --list", ""),
        ("", "", ""),
        ("chaos --kills 3 --help", "chaos", "--kills 3 --help"),
    ],
)
def test_only_what_runs_another_program_passes_arguments_on(line: str, own: str, rest: str) -> None:
    assert dev.split_off(line.split()) == (own.split(), rest.split())


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["deploy"],
        ["check", "--quick"],
        ["engines", "--output", "yaml"],
        ["test", "--newest", "--lowest"],
        ["lock", "--newest"],
        ["fastapi", "--behind", "9"],
        ["pythons", "--version", "3.10"],
    ],
)
def test_a_wrong_command_line_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        dev.main(arguments)
    assert exit.value.code == 2
    assert "usage: dev.py" in capsys.readouterr().err


def test_every_check_runs_also_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "python_of", lambda _: Path(sys.executable))
    checks = {"first": ("-c", "raise SystemExit(3)"), "second": ("-c", "")}
    assert dev.run_checks(checks, dict(os.environ)) == {"first": False, "second": True}


def test_an_old_python_parses_the_file() -> None:
    source = Path(dev.__file__).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))


def test_an_old_python_says_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "newer_python", lambda: None)
    with pytest.raises(dev.Problem, match=r"needs Python 3\.11 or newer"):
        dev.refuse_old_python(["check"])


def test_an_old_python_hands_over_to_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[list[str]] = []

    def hand_over(command: list[str], _: object) -> int:
        handed.append(command)
        return 7

    monkeypatch.setattr(dev, "newer_python", lambda: ["py", "-3"])
    monkeypatch.setattr(dev, "hand_over", hand_over)
    assert dev.refuse_old_python(["test", "-q"]) == 7
    assert handed == [["py", "-3", str(Path(dev.__file__).resolve()), "test", "-q"]]


def test_what_is_not_a_python_has_no_version(tmp_path: Path) -> None:
    assert dev.version_of([sys.executable]) == tuple(sys.version_info[:3])
    assert dev.version_of([str(tmp_path / "python")]) is None


def test_the_oldest_python_is_that_of_the_package() -> None:
    pyproject = tomllib.loads((dev.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert pyproject["project"]["requires-python"] == f">={dev.MINIMUM[0]}.{dev.MINIMUM[1]}"
    assert dev.PYTHONS == PYTHONS
    assert dev.PYTHONS[0] == f"{dev.MINIMUM[0]}.{dev.MINIMUM[1]}"


def test_the_demo_names_the_address_of_its_page() -> None:
    example = (dev.ROOT / dev.DEMO).read_text(encoding="utf-8")
    assert re.fullmatch(r"http://localhost:\d+", dev.page_address(example))
    assert dev.page_address("apps:\n  - appID: a\n    appPort: 9000\n") == "http://localhost:9000"
    assert "below" in dev.page_address("apps: []")


@pytest.mark.parametrize(
    ("page", "taken", "others"),
    [
        (None, set(), {8000: 8000, 3500: 3500, 8001: 8001}),
        (None, {8000, 8001, 3500}, {8000: 8002, 3500: 3501, 8001: 8003}),
        (None, {8000}, {8000: 8002, 3500: 3500, 8001: 8001}),
        (9000, {8000}, {8000: 9000, 3500: 3500, 8001: 8001}),
        (8001, set(), {8000: 8001, 3500: 3500, 8001: 8002}),
    ],
)
def test_the_demo_takes_other_ports_where_somebody_has_its_own(
    page: int | None, taken: set[int], others: dict[int, int]
) -> None:
    example = (dev.ROOT / dev.DEMO).read_text(encoding="utf-8")
    ports = dev.demo_ports(example, page, lambda port: port not in taken)
    assert ports == others
    moved = dev.with_ports(example, ports, Path("/clone/todo"))
    assert dev.page_address(moved) == f"http://localhost:{others[8000]}"
    assert f"NOTIFICATION_URL: http://localhost:{others[8001]}" in moved
    assert "appDirPath: /clone/todo\n" in moved
    assert "resourcesPath: /clone/todo/components/local" in moved


def test_who_comes_while_another_one_installs_waits_for_it_and_says_so(
    installer: Installer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`demo` and `test` in two terminals of a fresh clone: each would break the other's environment."""
    waited = threading.Event()
    monkeypatch.setattr("time.sleep", lambda _: waited.set())
    with ThreadPoolExecutor(1) as threads:
        with dev.alone():
            second = threads.submit(dev.set_up, "dev")
            assert waited.wait(30)
            assert installer.asked == []
            assert not second.done()
        second.result(30)
    assert installer.asked == [("create", ".venv"), dev.PACKAGES["dev"]]
    assert capsys.readouterr().err.count("another dev.py sets .venv up just now; waiting for it") == 1


def test_where_no_lock_can_be_written_what_is_set_up_is_taken(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev.set_up("dev")
    asked = list(installer.asked)
    monkeypatch.setattr(dev, "LOCK", "no such folder/.venv.lock")
    dev.set_up("dev")
    assert installer.asked == asked


def test_a_python_without_venv_names_the_package_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(dev.Problem, match=r"apt install python3\.\d+-venv"):
        dev.create(tmp_path / ".venv")


def test_a_command_that_is_handed_over_to_keeps_its_exit_code_and_output() -> None:
    inner = "print(1); exit(7)"
    program = f"import dev, os, sys; sys.exit(dev.hand_over([sys.executable, '-c', {inner!r}], os.environ))"
    done = subprocess.run([sys.executable, "-c", program], cwd=dev.ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (7, b"1")


def test_a_problem_is_shown_without_a_traceback(tmp_path: Path) -> None:
    clone = tmp_path / "my clone"
    shutil.copytree(dev.ROOT / "engines", clone / "engines")
    shutil.copy(dev.__file__, clone)
    command = [sys.executable, "dev.py", "engines", "--list", "kafca"]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    known = (
        "postgresql, chromium, redis, kafka, daprd, daprd-suite, kubernetes, cluster, yaml-language-server"
    )
    assert done.stderr == f"dev.py: there is no engine kafca; there are: {known}\n"


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["docs", "--build"], ["build", "--strict"]),
        (["docs", "--port", "9000"], ["serve", "--strict", "--dev-addr", "127.0.0.1:9000"]),
    ],
)
def test_the_site_is_built_strictly(
    installer: Installer, monkeypatch: pytest.MonkeyPatch, arguments: list[str], asked: list[str]
) -> None:
    handed: list[list[str]] = []
    monkeypatch.setattr(dev, "hand_over", lambda command, environment: handed.append(list(command)))
    dev.main(arguments)
    assert handed == [[str(dev.python_of(dev.VENV)), "-m", "mkdocs", *asked]]
    assert installer.asked[-1] == dev.PACKAGES["docs"]


@pytest.fixture
def pytest_gets(installer: Installer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `test` gives to pytest."""
    given: list[str] = []
    monkeypatch.setattr(dev, "hand_over", lambda command, environment: given.extend(command[3:]))
    return given


def test_whoever_has_no_engine_gets_the_quick_tests_and_is_told_what_is_left_out(
    pytest_gets: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    dev.main(["test"])
    assert pytest_gets[-len(dev.QUICK) :] == list(dev.QUICK)
    told = capsys.readouterr().err
    assert "python3 dev.py test --all" in told
    assert "python3 dev.py engines" in told


def test_the_quick_tests_are_there() -> None:
    root = Path(dev.__file__).parent
    assert [each for each in dev.QUICK if not (root / each).is_dir()] == []


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["test", "--all"], []),
        (["test", "--all", "-q"], ["-q"]),
        (["test", "-x", "tests/e2e"], ["-x", "tests/e2e"]),
        (["test", "--newest"], []),
    ],
)
def test_who_says_what_gets_it(pytest_gets: list[str], arguments: list[str], given: list[str]) -> None:
    dev.main(arguments)
    assert pytest_gets == given


def test_with_an_engine_nothing_is_left_out(pytest_gets: list[str]) -> None:
    record = dev.ROOT / ".engines" / "engines.json"
    record.parent.mkdir()
    record.write_text(json.dumps({"redis": str(dev.ROOT)}), encoding="utf-8")
    dev.main(["test"])
    assert pytest_gets == []
