"""`dev.py engines`: set engines up, idempotently, or list how it stands with them."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engines import debian
from engines.cache import remove_outdated
from engines.catalogue import Engine, select
from engines.problem import EngineProblem
from engines.record import read_record, write_record

Say = Callable[[str], None]


def list_engines(root: Path, names: Sequence[str], as_json: bool) -> str:
    """A line for each engine, or a JSON array, with the state that the tests see: `ready` or `missing`."""
    record = read_record(root)
    rows = [
        {
            "name": engine.name,
            "state": "ready" if engine.name in record else "missing",
            "path": str(record[engine.name]) if engine.name in record else None,
            "purpose": engine.purpose,
        }
        for engine in select(list(names))
    ]
    if as_json:
        return json.dumps(rows, indent=2)
    return "\n".join(f"{row['name']:<20} {row['state']:<8} {row['path'] or row['purpose']}" for row in rows)


def set_up_engines(root: Path, names: Sequence[str], say: Say) -> int:
    """Set up the engines called `names` (all if none) and record them; 1 if one could not be set up."""
    wanted = select(list(names))
    install_packages([name for each in wanted for name in each.missing_packages(root, os.environ)], say)
    fine = [set_up(engine, root, say) for engine in wanted]
    return 0 if all(fine) else 1


def install_packages(packages: Sequence[str], say: Say) -> None:
    """Install Debian's `packages` where that is possible, all in one go."""
    if packages and debian.can_install():
        say(f"installing {', '.join(packages)} with apt-get")
        if not debian.install(packages, os.environ):
            raise EngineProblem(f"apt-get could not install {', '.join(packages)}; its message stands above")


def set_up(engine: Engine, root: Path, say: Say) -> bool:
    """Find or build one engine and record it; False, having said what to do, where neither is possible."""
    place, started = engine.find(root, os.environ), time.monotonic()
    if place is None and engine.build is not None:
        say(f"{engine.name}: setting it up ({engine.takes})")
        try:
            place = engine.build(root, os.environ)
            say(f"{engine.name}: that took {time.monotonic() - started:.0f} s")
        except EngineProblem as error:
            say(f"{engine.name}: {error}")
    if place is None:
        if engine.elsewhere is not None:
            say(f"{engine.name}: missing. {advice(engine)}")
        return False
    write_record(root, {**read_record(root), engine.name: place})
    for outdated in remove_outdated(root, engine.name, place, time.time()):
        say(f"{engine.name}: removed {outdated}, which was built of older inputs")
    say(f"{engine.name}: ready, {place}")
    return True


def advice(engine: Engine) -> str:
    """How a person installs `engine` on this machine."""
    system = platform.system()
    how = (engine.elsewhere or {}).get(system, "")
    if system == "Linux":
        how = f"sudo apt-get install {engine.debian} on Debian, elsewhere {how}"
    return f"Install it ({how or f'there is no recipe for {system}'}) and run `dev.py engines` again."
