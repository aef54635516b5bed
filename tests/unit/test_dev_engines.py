"""`dev.py engines`: what it finds, records, installs and advises. No engine is needed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from engines import debian
from engines.cache import remove_all_but, remove_outdated
from engines.catalogue import ENGINES, Engine, select
from engines.command import list_engines, set_up
from engines.daprd import build
from engines.golang import Go, copy_module
from engines.java import major
from engines.kafka import build as kafka
from engines.kafka.broker import settings
from engines.places import browser_candidates, find_browser, find_postgresql, find_redis, newest
from engines.problem import EngineProblem
from engines.record import read_record, record_file, write_record
from support.engines import place_of


def program(folder: Path, name: str) -> Path:
    """An executable file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / (f"{name}.exe" if os.name == "nt" else name)
    file.touch(mode=0o755)
    return file


def test_the_newest_postgresql_is_the_highest_number_not_the_last_word() -> None:
    folders = [Path("/pg", version, "bin") for version in ("9.6", "15", "13")]
    assert newest(folders) == Path("/pg/15/bin")
    assert newest([]) is None


def test_clients_alone_are_no_postgresql(tmp_path: Path) -> None:
    program(tmp_path / "clients", "psql")
    server = program(tmp_path / "pg-99" / "bin", "initdb").parent
    program(server, "pg_ctl")
    path = os.pathsep.join([str(tmp_path / "clients"), str(server)])
    assert find_postgresql({"PATH": path}) == server


def test_a_browser_is_found_on_the_path(tmp_path: Path) -> None:
    chromium = program(tmp_path, "chromium")
    program(tmp_path, "google-chrome")
    found = find_browser({"PATH": str(tmp_path)})
    assert found is not None
    assert found.stem == chromium.stem


def test_a_browser_is_looked_for_where_windows_puts_it() -> None:
    candidates = browser_candidates({"ProgramFiles": "C:/Programs"})
    assert any(
        "Chrome" in str(path) and str(path).startswith(str(Path("C:/Programs"))) for path in candidates
    )


def test_the_record_keeps_what_still_exists(tmp_path: Path) -> None:
    there = program(tmp_path, "daprd")
    write_record(tmp_path, {"daprd": there, "chromium": tmp_path / "removed"})
    assert read_record(tmp_path) == {"daprd": there}


def test_without_a_record_nothing_is_set_up(tmp_path: Path) -> None:
    assert read_record(tmp_path) == {}


def test_a_damaged_record_says_what_to_do(tmp_path: Path) -> None:
    write_record(tmp_path, {})
    record_file(tmp_path).write_text("{", encoding="utf-8")
    with pytest.raises(EngineProblem, match=r"engines\.json is not JSON.*delete it"):
        read_record(tmp_path)


def test_what_lies_beside_the_record_is_found_after_the_clone_was_moved(tmp_path: Path) -> None:
    elsewhere = program(tmp_path / "usr", "redis")
    built = program(tmp_path / "old" / ".engines" / "daprd", "daprd")
    write_record(tmp_path / "old", {"daprd": built, "redis": elsewhere})
    (tmp_path / "old").rename(tmp_path / "new")
    moved = tmp_path / "new" / built.relative_to(tmp_path / "old")
    assert read_record(tmp_path / "new") == {"daprd": moved, "redis": elsewhere}


def test_the_list_shows_each_engine_with_its_state(tmp_path: Path) -> None:
    write_record(tmp_path, {"daprd": program(tmp_path, "daprd")})
    rows = json.loads(list_engines(tmp_path, [], as_json=True))
    assert {row["name"]: row["state"] for row in rows} == {
        "postgresql": "missing",
        "chromium": "missing",
        "redis": "missing",
        "kafka": "missing",
        "daprd": "ready",
        "daprd-suite": "missing",
        "kubernetes": "missing",
        "cluster": "missing",
        "yaml-language-server": "missing",
    }
    assert f"{'daprd':<20} ready" in list_engines(tmp_path, ["daprd"], as_json=False)


def test_an_unknown_engine_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        EngineProblem, match=r"no engine kafca; there are: postgresql, chromium, redis, kafka, daprd"
    ):
        select(["daprd", "kafca"])


def test_every_engine_can_be_had_somehow() -> None:
    for engine in ENGINES:
        assert engine.build or (
            engine.debian and {"Darwin", "Windows", "Linux"} <= (engine.elsewhere or {}).keys()
        )


def test_an_engine_that_is_found_is_recorded(tmp_path: Path) -> None:
    there = program(tmp_path, "thing")
    write_record(tmp_path, {"other": there})
    assert set_up(Engine("thing", "a test", find=lambda *_: there), tmp_path, lambda _: None)
    assert read_record(tmp_path) == {"other": there, "thing": there}


@pytest.mark.parametrize(
    ("system", "advice"),
    [
        ("Linux", "sudo apt-get install thing on Debian, elsewhere the package"),
        ("Darwin", "brew install thing"),
        ("Plan9", "no recipe for Plan9"),
    ],
)
def test_an_engine_that_is_missing_is_advised_on(
    system: str, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    how = {"Linux": "the package", "Darwin": "brew install thing"}
    said: list[str] = []
    thing = Engine("thing", "a test", find=lambda *_: None, debian="thing", elsewhere=how)
    assert not set_up(thing, tmp_path, said.append)
    assert advice in said[0]
    assert read_record(tmp_path) == {}


def test_an_engine_that_does_not_build_says_why(tmp_path: Path) -> None:
    def fail(*_: object) -> Path:
        raise EngineProblem("needs Go")

    said: list[str] = []
    assert not set_up(Engine("thing", "a test", find=lambda *_: None, build=fail), tmp_path, said.append)
    assert said[-1] == "thing: needs Go"


@pytest.mark.parametrize(
    ("os_release", "is_root", "allowed"),
    [
        ("NAME=Debian\nID=debian\n", True, True),
        ("ID=debian\n", False, False),
        ("ID=ubuntu\nID_LIKE=debian\n", True, False),
        (None, True, False),
    ],
)
def test_packages_are_installed_on_debian_as_root_only(
    os_release: str | None, is_root: bool, allowed: bool, tmp_path: Path
) -> None:
    file = tmp_path / "os-release"
    if os_release is not None:
        file.write_text(os_release, encoding="utf-8")
    assert debian.can_install(file, is_root) is allowed


def test_the_package_lists_are_fetched_before_installing() -> None:
    update, install = debian.commands(["chromium", "postgresql"])
    assert update[:2] == ["apt-get", "update"]
    assert install[-2:] == ["chromium", "postgresql"]


def test_daprd_is_built_anew_when_an_input_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    for name in build.INPUTS:
        shutil.copyfile(build.HERE / name, inputs / name)
    monkeypatch.setattr(build, "HERE", inputs)
    before = build.executable(tmp_path)
    program(before.parent, "daprd")
    assert build.built(tmp_path) == before
    (inputs / "main.go").write_text("package main\n", encoding="utf-8")
    assert build.built(tmp_path) is None


def test_building_daprd_without_go_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(EngineProblem, match=r"needs Go .*https://go\.dev/dl/"):
        build.build(tmp_path, {"PATH": str(tmp_path)})


def test_a_module_from_the_read_only_cache_becomes_writable(tmp_path: Path) -> None:
    source = tmp_path / "source"
    program(source / "cmd", "main.go")
    (source / "cmd").chmod(0o555)
    source.chmod(0o555)
    copy_module(source, tmp_path / "copy")
    assert os.access(tmp_path / "copy" / "cmd", os.W_OK)
    (source / "cmd").chmod(0o755)  # so that pytest can remove it
    source.chmod(0o755)


def test_a_failing_go_shows_the_end_of_its_log(tmp_path: Path) -> None:
    go = Go(tmp_path / "log", os.environ)
    if shutil.which("go") is None:
        pytest.skip("no Go on this machine")
    with pytest.raises(EngineProblem, match=r"(?s)`go no-such-command` failed.*unknown command"):
        go(["no-such-command"], tmp_path)


def test_a_test_without_its_engine_is_skipped_or_in_ci_fails(tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match=r"python3 dev\.py engines daprd"):
        place_of("daprd", tmp_path, required=False)
    with pytest.raises(pytest.fail.Exception, match="OUTBOARD_REQUIRE_ENGINES"):
        place_of("daprd", tmp_path, required=True)


def test_a_redis_is_found_on_the_path_or_a_valkey(tmp_path: Path) -> None:
    assert find_redis({"PATH": str(tmp_path)}) is None
    valkey = program(tmp_path, "valkey-server")
    assert find_redis({"PATH": str(tmp_path)}) == valkey


@pytest.mark.parametrize(
    ("said", "version"),
    [('openjdk version "17.0.15" 2025-04-15', 17), ('java version "1.8.0_402"', 8), ("no Java here", None)],
)
def test_the_major_version_is_what_java_says(said: str, version: int | None) -> None:
    assert major(said) == version


def test_without_java_kafka_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(EngineProblem, match=r"needs Java 17 or newer: apt-get install openjdk"):
        kafka.build(tmp_path, {"PATH": str(tmp_path)})


def test_kafka_is_there_only_as_a_whole(tmp_path: Path) -> None:
    home = kafka.home_of(tmp_path)
    (home / "lib").mkdir(parents=True)
    assert kafka.built(tmp_path) is None
    (home / "formatted").mkdir()
    assert kafka.built(tmp_path) == home


def test_listeners_of_a_broker_are_added_to_its_own() -> None:
    own = settings(9092, 9093, Path("/data"))
    more = settings(9092, 9093, Path("/data"), {"listeners": "SECURED://127.0.0.1:9094", "node.id": "2"})
    assert more["listeners"] == f"{own['listeners']},SECURED://127.0.0.1:9094"
    assert (own["node.id"], more["node.id"]) == ("1", "2")


def test_the_packages_of_tools_are_installed_only_for_an_engine_that_has_to_be_built(tmp_path: Path) -> None:
    program(tmp_path, "java")
    there = program(tmp_path, "thing")
    tools = {"java": "default-jre-headless", "mvn": "maven"}
    environment = {"PATH": str(tmp_path)}
    built = Engine("thing", "a test", find=lambda *_: there, build=lambda *_: there, tools=tools)
    missing = Engine("thing", "a test", find=lambda *_: None, build=lambda *_: there, tools=tools)
    assert built.missing_packages(tmp_path, environment) == []
    assert missing.missing_packages(tmp_path, environment) == ["maven"]
    packaged = Engine("thing", "a test", find=lambda *_: None, debian="thing")
    assert packaged.missing_packages(tmp_path, environment) == ["thing"]


def test_what_was_built_of_older_inputs_is_removed_after_a_week(tmp_path: Path) -> None:
    builds = tmp_path / ".engines" / "daprd"
    used, old, fresh = (program(builds / name, "daprd") for name in ("used", "old", "fresh"))
    now = 1_800_000_000.0
    for file, age in ((used, 30), (old, 8), (fresh, 6)):
        os.utime(file.parent, (now - age * 86_400, now - age * 86_400))
    assert remove_outdated(tmp_path, "daprd", used, now) == [old.parent]
    assert sorted(builds.iterdir()) == [fresh.parent, used.parent]
    assert remove_outdated(tmp_path, "redis", Path("/usr/bin/redis-server"), now) == []


def test_what_was_used_last_or_within_the_hour_is_kept(tmp_path: Path) -> None:
    builds = tmp_path / "cluster-images"
    ages = {"now": 0, "half-an-hour": 1_800, "two-hours": 7_200, "a-day": 86_400}
    now = 1_800_000_000.0
    for name, age in ages.items():
        program(builds / name, "layout")
        os.utime(builds / name, (now - age, now - age))
    assert remove_all_but(3, builds, now) == [builds / "a-day"]
    assert remove_all_but(1, builds, now) == [builds / "two-hours"]
    assert sorted(each.name for each in builds.iterdir()) == ["half-an-hour", "now"]
    assert remove_all_but(1, tmp_path / "nothing", now) == []
