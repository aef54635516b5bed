"""Which Java Kafka is started with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from outboard.engines.java import find_java, major_version
from outboard.errors import EngineUnavailable


def java(folder: Path) -> str:
    folder.mkdir(parents=True)
    file = folder / ("java.exe" if os.name == "nt" else "java")
    file.touch(mode=0o755)
    return str(file)


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "26" 2026-03-17', 26),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.", None),
    ],
)
def test_the_major_version_is_what_java_says(said: str, version: int | None) -> None:
    assert major_version(said) == version


def test_java_home_counts_before_path_and_what_is_too_old_is_passed_over(tmp_path: Path) -> None:
    old, new = java(tmp_path / "home" / "bin"), java(tmp_path / "path")
    environment = {"JAVA_HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "path")}
    assert find_java(environment, {old: 21, new: 17}.get) == Path(old)
    assert find_java(environment, {old: 11, new: 17}.get) == Path(new)
    assert find_java(environment, {old: None, new: 17}.get) == Path(new)


def test_without_one_that_is_new_enough_all_are_named_and_how_to_get_one(tmp_path: Path) -> None:
    old, dead = java(tmp_path / "home" / "bin"), java(tmp_path / "path")
    environment = {"JAVA_HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "path")}
    with pytest.raises(EngineUnavailable) as caught:
        find_java(environment, {old: 11, dead: None}.get)
    assert f"{old} is Java 11, {dead} does not run" in str(caught.value)
    assert "apt-get install openjdk-17-jre-headless" in str(caught.value)


def test_without_any_java_that_is_told() -> None:
    with pytest.raises(EngineUnavailable, match="kafka: it needs Java 17 or newer"):
        find_java({"PATH": ""}, lambda _: None)
