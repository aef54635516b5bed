"""Fetches the scripts of others that the dashboard serves, and those that only tests use, from the npm
registry by npm itself.

    python3 requirements/vendored.py

What is fetched stands in PACKAGES and TEST_PACKAGES. Beside the files it writes their versions, hashes and
licences, which tests/unit/dashboard/test_vendored.py compares with the files.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "src" / "outboard" / "dashboard" / "static" / "vendored"
TEST_TARGET = ROOT / "tests" / "e2e" / "vendored"
RECORD = "vendored.json"


@dataclass(frozen=True)
class Package:
    """`files` are paths in the package and the names they get here."""

    name: str
    version: str
    licence: str
    files: Mapping[str, str]


PACKAGES = (
    Package(
        "htmx.org",
        "4.0.1",
        "0BSD",
        {
            "dist/htmx.min.js": "htmx.js",
            "dist/ext/hx-sse.min.js": "hx-sse.js",
            "LICENSE": "htmx.LICENSE.txt",
        },
    ),
)
TEST_PACKAGES = (
    Package("axe-core", "4.14.1", "MPL-2.0", {"axe.min.js": "axe.js", "LICENSE": "axe.LICENSE.txt"}),
)


def main() -> int:
    npm = shutil.which("npm")
    if npm is None:
        sys.stderr.write("npm is needed: it checks what it fetches. Install Node.js.\n")
        return 1
    for target, packages in ((TARGET, PACKAGES), (TEST_TARGET, TEST_PACKAGES)):
        target.mkdir(parents=True, exist_ok=True)
        record = [dict(_vendored(npm, package, target)) for package in packages]
        (target / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 0


def _vendored(npm: str, package: Package, target: Path) -> Iterator[tuple[str, object]]:
    yield from (("name", package.name), ("version", package.version), ("licence", package.licence))
    hashes = {}
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"{package.name}@{package.version}", "--json"]
        done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, encoding="utf-8")
        (packed,) = json.loads(done.stdout)
        yield "integrity", packed["integrity"]
        with tarfile.open(Path(folder, packed["filename"])) as archive:
            for path, name in package.files.items():
                member = archive.extractfile(f"package/{path}")
                if member is None:
                    raise FileNotFoundError(f"{package.name} {package.version} has no {path}")
                content = member.read()
                (target / name).write_bytes(content)
                hashes[name] = hashlib.sha256(content).hexdigest()
    yield "sha256", hashes


if __name__ == "__main__":
    sys.exit(main())
