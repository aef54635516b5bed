"""The database of the notification service under load, with a ledger of when each event was applied."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from measuring import LOG, wait_until

from engines.record import read_record

__all__ = ["Ledger", "postgresql"]

USER: Final = "outboard"
POSTGRES: Final = "postgres"
"""The user of this machine that PostgreSQL runs as: it refuses to be root."""
KEEP: Final = """
CREATE TABLE IF NOT EXISTS ledger (event_id text, changed timestamptz, applied timestamptz);
TRUNCATE ledger;
CREATE OR REPLACE FUNCTION into_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ledger VALUES (NEW.event_id, (NEW.data->>'updated_at')::timestamptz, clock_timestamp());
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER into_ledger AFTER INSERT ON notifications
  FOR EACH ROW EXECUTE FUNCTION into_ledger();
"""
TELL: Final = """
SELECT count(*), count(DISTINCT event_id), extract(epoch FROM max(applied)),
       percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM applied - changed))
FROM ledger
"""


@dataclass(frozen=True)
class Ledger:
    """A database by its connection string."""

    conninfo: str

    def begin(self) -> None:
        """Forget what was before. The tables of the service have to be there."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(KEEP)

    def applied(self) -> int:
        """Rows, an event that was applied twice counted twice."""
        with psycopg.connect(self.conninfo) as connection:
            found = connection.execute("SELECT count(*) FROM ledger").fetchone()
        assert found is not None
        return int(found[0])

    def tell(self) -> dict[str, float]:
        """Events, how many came twice, when the last was applied (s since 1970), and latencies in s."""
        with psycopg.connect(self.conninfo) as connection:
            found = connection.execute(TELL).fetchone()
        assert found is not None
        rows, events, last, (p50, p99) = found
        return {"events": events, "twice": rows - events, "ended": float(last), "p50": p50, "p99": p99}


@contextmanager
def postgresql(root: Path, folder: Path, enter: Sequence[str], address: str) -> Iterator[Ledger]:
    """A PostgreSQL that listens on port 5432 of `address` where `enter` leads, and on a socket in `folder`,
    which is new. It keeps PostgreSQL's own settings, so that each commit waits for the disk."""
    programs = read_record(root)["postgresql"]
    folder.mkdir(parents=True)
    shutil.chown(folder, POSTGRES, POSTGRES)
    data = folder / "data"
    as_user = ["setpriv", f"--reuid={POSTGRES}", f"--regid={POSTGRES}", "--clear-groups"]
    make = [str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", USER, "--no-locale", "-E", "UTF8"]
    subprocess.run([*as_user, *make], check=True, stdout=subprocess.DEVNULL, cwd="/")
    with (data / "pg_hba.conf").open("a", encoding="utf-8") as rules:
        rules.write("host all all 10.0.0.0/8 trust\n")
    serve = [str(programs / "postgres"), "-D", str(data), "-h", address, "-p", "5432", "-k", str(folder)]
    ledger = Ledger(f"host={folder} port=5432 user={USER} dbname=postgres")
    with LOG.open("ab") as log:
        running = subprocess.Popen([*enter, *as_user, *serve], stdout=log, stderr=log, cwd="/")
    try:
        wait_until("PostgreSQL", lambda: _answers(ledger.conninfo))
        yield ledger
    finally:
        stop = [str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"]
        subprocess.run([*enter, *as_user, *stop], check=False, stdout=subprocess.DEVNULL, cwd="/")
        running.wait(30)


def _answers(conninfo: str) -> bool:
    try:
        psycopg.connect(conninfo, connect_timeout=2).close()
    except psycopg.OperationalError:
        time.sleep(0.2)
        return False
    return True
