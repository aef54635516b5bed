"""Servers for as long as a benchmark lasts: of the engines that `python3 dev.py engines` has put in place."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from engines.record import read_record  # noqa: E402
from support.kafka import KafkaBroker  # noqa: E402
from support.postgresql import database, running_server  # noqa: E402

__all__ = ["engine", "kafka", "postgresql"]


def engine(name: str) -> Path:
    """Where the engine `name` is. Raises SystemExit."""
    place = read_record(ROOT).get(name)
    if place is None:
        raise SystemExit(f"{name} is not there: python3 dev.py engines")
    return place


@contextmanager
def postgresql() -> Iterator[str]:
    """SQLAlchemy's URL of an empty database, whose server waits for the disk at each commit."""
    with running_server(engine("postgresql"), durable=True) as server, database(server) as url:
        yield url


@contextmanager
def kafka() -> Iterator[str]:
    """The address of a broker."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        broker = KafkaBroker(engine("kafka"), Path(folder))
        broker.start()
        try:
            yield broker.address
        finally:
            broker.stop()
