"""What is started and stopped, what is left alone, and what a later command knows."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from outboard.engines import control
from outboard.engines.control import Machine, bring_down, bring_up, state_of
from outboard.engines.instance import Instance, Instances
from outboard.engines.output import as_json, as_text, problems


class FakePorts:
    def __init__(self, owners: Mapping[int, str]) -> None:
        self._owners = owners

    def owner(self, port: int) -> str | None:
        return self._owners.get(port)

    def pick(self, first: int, avoid: Collection[int]) -> int:
        return first


def machine(folder: Path, owners: Mapping[int, str] | None = None) -> Machine:
    return Machine(folder, {"PATH": ""}, FakePorts(owners or {}), "http://127.0.0.1:1", lambda _: None)


def this_process(name: str = "redis", port: int = 6379) -> Instance:
    return Instance(name, os.getpid(), psutil.Process().create_time(), port, "data")


def test_a_process_is_found_again_by_another_command(tmp_path: Path) -> None:
    Instances(tmp_path).remember(this_process())
    assert Instances(tmp_path).find("redis") == this_process()
    Instances(tmp_path).forget("redis")
    assert Instances(tmp_path).find("redis") is None


def test_another_process_of_the_same_number_is_not_taken_for_it(tmp_path: Path) -> None:
    Instances(tmp_path).remember(replace(this_process(), started=1.0))
    assert Instances(tmp_path).find("redis") is None
    (state,) = bring_down(machine(tmp_path), ["redis"], delete_data=False)  # would end this very process
    assert state.instance is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": "redis"}'])
def test_a_damaged_file_is_no_instance(tmp_path: Path, content: str) -> None:
    (tmp_path / "redis.json").write_text(content, encoding="utf-8")
    assert Instances(tmp_path).find("redis") is None


def test_what_runs_already_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "STARTERS", {})
    Instances(tmp_path).remember(this_process())
    assert bring_up(machine(tmp_path), "redis", 6379).instance == this_process()


def test_it_is_not_moved_to_another_port_while_it_runs(tmp_path: Path) -> None:
    Instances(tmp_path).remember(this_process())
    state = bring_up(machine(tmp_path), "redis", 6380)
    assert "it runs already, on port 6379. Stop it first: `outboard engines down redis`" in state.problem
    assert state.instance == this_process()


def test_a_taken_port_is_told_with_its_owner_and_what_to_do(tmp_path: Path) -> None:
    state = bring_up(machine(tmp_path, {6379: "redis-server (process 812)"}), "redis", 6379)
    assert (
        "port 6379 is taken by redis-server (process 812), which `outboard engines` did not" in state.problem
    )
    assert "use localhost:6379" in state.problem
    assert "--redis-port" in state.problem
    assert state_of(machine(tmp_path), "redis").instance is None


def test_data_is_deleted_only_when_asked_to(tmp_path: Path) -> None:
    data = tmp_path / "redis"
    data.mkdir()
    bring_down(machine(tmp_path), ["redis"], delete_data=False)
    assert data.is_dir()
    bring_down(machine(tmp_path), ["redis", "kafka"], delete_data=True)
    assert not data.exists()


def test_states_are_told_to_people_and_to_machines(tmp_path: Path) -> None:
    Instances(tmp_path).remember(this_process())
    failed = bring_up(machine(tmp_path, {9092: "java (process 7)"}), "kafka", 9092)
    states = [failed, state_of(machine(tmp_path), "redis")]
    text = "\n".join(as_text(states))
    assert "kafka  failed" in text
    assert "redis  running  localhost:6379" in text
    assert text.endswith("REDIS_HOST=localhost:6379")
    assert len(problems(states)) == 1
    told = json.loads(json.dumps([as_json(state) for state in states]))
    assert [(each["name"], each["state"], each["port"]) for each in told] == [
        ("kafka", "failed", None),
        ("redis", "running", 6379),
    ]
    assert told[1]["pid"] == os.getpid()
    assert told[0]["problem"].startswith("kafka: port 9092 is taken by java (process 7)")
