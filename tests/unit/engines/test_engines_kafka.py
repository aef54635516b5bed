"""Which Kafka is used, and its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from outboard.engines.kafka import Distribution, find_distribution, properties_text, settings
from outboard.errors import EngineUnavailable


def distribution(libraries: Path, version: str) -> Distribution:
    libraries.mkdir(parents=True)
    (libraries / f"kafka_2.13-{version}.jar").touch()
    (libraries / f"kafka_2.13-{version}-javadoc.jar").touch()
    return Distribution(libraries)


def script(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True)
    file = folder / name
    file.touch(mode=0o755)
    return file


def test_the_version_is_in_the_name_of_the_jar(tmp_path: Path) -> None:
    assert distribution(tmp_path / "libs", "4.3.1").version == (4, 3, 1)
    assert Distribution(tmp_path).version == ()


def test_kafka_home_is_used(tmp_path: Path) -> None:
    found = distribution(tmp_path / "libs", "3.9.0")
    assert find_distribution({"KAFKA_HOME": str(tmp_path), "PATH": ""}) == found


@pytest.mark.parametrize("version", ["", "2.8.0", "3.4.1"])
def test_kafka_home_without_a_kafka_that_will_do_is_told(tmp_path: Path, version: str) -> None:
    if version:
        distribution(tmp_path / "libs", version)
    with pytest.raises(EngineUnavailable, match=r"KAFKA_HOME .* holds no Kafka of version 3\.5 or newer"):
        find_distribution({"KAFKA_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("name", "libraries"), [("kafka-server-start.sh", "libs"), ("kafka-server-start", "libexec/libs")]
)
def test_the_start_script_on_path_leads_to_its_jars(tmp_path: Path, name: str, libraries: str) -> None:
    found = distribution(tmp_path / "kafka" / libraries, "4.0.0")
    start = script(tmp_path / "kafka" / "bin", name)
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / name).symlink_to(start)
    assert find_distribution({"PATH": str(tmp_path / "path")}) == found


def test_an_old_kafka_on_path_is_passed_over(tmp_path: Path) -> None:
    distribution(tmp_path / "libs", "2.8.0")
    start = script(tmp_path / "bin", "kafka-server-start.sh")
    assert find_distribution({"PATH": str(start.parent)}) is None
    assert find_distribution({"PATH": ""}) is None


def test_a_broker_is_alone_and_reached_on_loopback_only() -> None:
    values = settings(9092, 9093, Path("/data"))
    assert values["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    assert values["advertised.listeners"] == "PLAINTEXT://localhost:9092"
    assert values["log.dirs"] == "/data"
    assert {value for name, value in values.items() if name.endswith("replication.factor")} == {"1"}


def test_a_properties_file_is_ascii() -> None:
    text = properties_text({"log.dirs": "C:\\Ünï😀"})
    assert text == "log.dirs=C:\\\\\\u00dcn\\u00ef\\ud83d\\ude00\n"
