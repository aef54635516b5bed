"""One app of the chain, its clock wrong by HOURS: `python -m support.chain_program NAME HOURS`."""

from __future__ import annotations

import os
import sys

import uvicorn

from outboard import Outboard
from support import chain

if __name__ == "__main__":
    name, hours = sys.argv[1], float(sys.argv[2])
    board = Outboard(clock=chain.ShiftedClock(hours))
    uvicorn.run(getattr(chain, name)(board), port=int(os.environ["APP_PORT"]), log_level="warning")
