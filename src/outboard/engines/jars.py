"""Kafka's jars from Maven Central, each checked against its pinned digest.

`kafka_jars.txt` lists them, as `sha256sum` writes it: digest, then path in a Maven repository. What is there
already is not fetched again, so an interrupted download goes on where it was.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from outboard.errors import EngineUnavailable

__all__ = ["Jar", "fetch_jars", "missing_jars", "pinned_jars"]

AT_ONCE: Final = 4
TIMEOUT: Final = 60.0
"""Seconds without a byte after which a download is given up."""
STEP: Final = 10
"""Files after which the progress is told."""
Say: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Jar:
    """One file: its SHA-256 in hexadecimal, and its path in a Maven repository."""

    digest: str
    path: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


def pinned_jars() -> tuple[Jar, ...]:
    """All the jars of a Kafka broker with its command-line tools, in the order of their names."""
    text = files("outboard.engines").joinpath("kafka_jars.txt").read_text(encoding="utf-8")
    pairs = (line.split("  ", 1) for line in text.splitlines())
    return tuple(Jar(digest, path) for digest, path in pairs)


def missing_jars(jars: Sequence[Jar], folder: Path) -> list[Jar]:
    """Those of `jars` that `folder` does not hold. A file has its final name only once it was checked."""
    return [jar for jar in jars if not (folder / jar.name).is_file()]


def fetch_jars(jars: Sequence[Jar], folder: Path, repository: str, say: Say) -> None:
    """Download `jars` into `folder`; proxies are those of the environment.

    Raises EngineUnavailable where one cannot be had, or is not what was pinned; the others are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    progress = _Progress(len(jars), say)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        tasks = [threads.submit(_fetch, jar, folder, repository) for jar in jars]
        try:
            for task in tasks:
                task.result()
                progress.one_more()
        finally:
            threads.shutdown(cancel_futures=True)


class _Progress:
    def __init__(self, total: int, say: Say) -> None:
        self._total = total
        self._done = 0
        self._say = say

    def one_more(self) -> None:
        self._done += 1
        if self._done % STEP == 0 or self._done == self._total:
            self._say(f"kafka: {self._done} of {self._total} files")


def _fetch(jar: Jar, folder: Path, repository: str) -> None:
    url = f"{repository.rstrip('/')}/{jar.path}"
    part = folder / f"{jar.name}.{threading.get_ident()}.part"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as source, part.open("wb") as target:
            shutil.copyfileobj(source, target)
        _check(jar, part, url)
        part.replace(folder / jar.name)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise _unreachable(url, error) from error
    finally:
        part.unlink(missing_ok=True)


def _check(jar: Jar, file: Path, url: str) -> None:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != jar.digest:
        raise EngineUnavailable(
            "kafka",
            f"{url} is not the file that was pinned (its SHA-256 is {digest})",
            "A proxy or a mirror answers something else: try another network, or `--maven-url`.",
        )


def _unreachable(url: str, error: Exception) -> EngineUnavailable:
    reason = getattr(error, "reason", None) or error
    if isinstance(error, urllib.error.HTTPError):
        error.close()  # it is the response too
    advice = (
        "Behind a proxy set HTTPS_PROXY; name a mirror of Maven Central with `--maven-url`; or set "
        "KAFKA_HOME to a Kafka of your own. What was downloaded is kept: run the same command again."
    )
    return EngineUnavailable("kafka", f"{url} cannot be downloaded: {reason}", advice)
