"""Commits orders with their events, as fast as it is allowed to: run as a program.

What it has staged is noted in a file before its transaction ends, whichever way: so what was rolled back is
known afterwards, as what was noted and is not in the table. Killed and started again, it goes on.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import time
from pathlib import Path

from sqlalchemy import MetaData, func, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from chaos.business import PUBSUB, TOPIC, Order, engine_of, orders_table, payload_of
from outboard import Outboard, OutboardError, Outbox

log = logging.getLogger("chaos.writer")

ROLLED_BACK = 0.1
POISON = 0.01
TWO_EVENTS = 0.2
PAUSE = 0.02
LETTERS = 'abcdefghijklmnopqrstuvwxyz äß€漢🦉"\\\n'


class Writer:
    """Writer `number`, which commits `share` events, of `keys` keys."""

    def __init__(self, url: str, number: int, keys: int, seed: str, note: Path) -> None:
        self.engine = engine_of(url)
        metadata = MetaData()
        self._orders = orders_table(metadata)
        self._number = number
        self._keys = keys
        self._random = random.Random(f"{seed} {number} {os.getpid()}")
        self._note = os.open(note, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        board = Outboard(outbox=Outbox(self.engine), app_id="shop", pubsub=PUBSUB, environ={})
        self._topic = board.topic(TOPIC, Order)

    def committed(self) -> int:
        """How many it has committed so far, by the table."""
        count = select(func.count()).where(self._orders.c.writer == self._number)
        with self.engine.connect().execution_options(outboard_begin="BEGIN") as connection:
            return int(connection.execute(count).scalar_one())

    def commit(self) -> int:
        """One transaction; how many events were committed: none where it was rolled back."""
        count = 2 if self._random.random() < TWO_EVENTS else 1
        with Session(self.engine) as session:
            for _ in range(count):
                self._add(session)
            session.flush()
            if self._random.random() < ROLLED_BACK:
                session.rollback()
                return 0
            session.commit()
        return count

    def _add(self, session: Session) -> None:
        random_ = self._random
        order = Order(
            key=f"key-{random_.randrange(self._keys)}",
            amount=random_.randrange(1, 1_000),
            poison=random_.random() < POISON,
            text="".join(random_.choices(LETTERS, k=random_.randrange(300))),
        )
        event = self._topic.stage(session, order, key=order.key)
        noted = f"\n{event.id}\n".encode()  # behind what a full disk may have left of another one
        if os.write(self._note, noted) < len(noted):
            raise OSError("the note was not written whole")
        row = order.model_dump(include={"key", "amount", "poison"})
        payload = payload_of(order.model_dump())
        session.execute(
            insert(self._orders).values(writer=self._number, event_id=event.id, payload=payload, **row)
        )


def run(writer: Writer, share: int, allowance: Path) -> None:
    """Commit until the share is there; what fails is tried again, as another order."""
    done: int | None = None
    while done is None or done < share:
        try:
            if done is None:
                done = writer.committed()
            if done >= share * float(allowance.read_text()):
                time.sleep(PAUSE)
                continue
            done += writer.commit()
        except (SQLAlchemyError, OutboardError, OSError) as error:
            log.warning("an order was not committed: %s", type(error).__name__)
            time.sleep(0.1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("number", "share", "keys"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--seed", required=True)
    parser.add_argument("--note", type=Path, required=True)
    parser.add_argument("--allowance", type=Path, required=True)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    made = Writer(os.environ["ORDERS_URL"], given.number, given.keys, given.seed, given.note)
    run(made, given.share, given.allowance)
    log.info("done")
