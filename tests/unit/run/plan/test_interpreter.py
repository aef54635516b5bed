"""Which program a command means, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from outboard.errors import CommandError
from outboard.run.plan.interpreter import program_path


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        (("main:app",), "write `python -m uvicorn main:app --port PORT`"),
        (("shop.main:app", "--reload"), "write `python -m uvicorn shop.main:app --reload --port PORT`"),
        (("main.py", "-v"), "Write `python main.py -v`"),
        (("pyton", "main.py"), "correct the command, or install it"),
        (("./run:app.sh",), "correct the command, or install it"),
    ],
)
def test_who_names_no_program_is_told_what_to_write(
    tmp_path: Path, command: tuple[str, ...], advice: str
) -> None:
    (tmp_path / "main.py").write_text("", encoding="utf-8")
    with pytest.raises(CommandError, match="there is no program") as refused:
        program_path(command, tmp_path, {"PATH": ""}, "app 'shop'")
    assert advice in str(refused.value)
