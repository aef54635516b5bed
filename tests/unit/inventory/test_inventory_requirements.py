"""`Requires-Dist` lines, as build tools write them."""

from __future__ import annotations

import pytest

from outboard.inventory.requirements import Requirement, requirements


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("anyio>=4", Requirement("anyio", ">=4", "")),
        ("anyio (>=4)", Requirement("anyio", "(>=4)", "")),
        ("typing-extensions", Requirement("typing-extensions", "", "")),
        ("aiokafka[lz4,zstd]>=0.13; extra == 'kafka'", Requirement("aiokafka", "[lz4,zstd]>=0.13", "kafka")),
        ('uvloop>=0.2; sys_platform != "win32"', Requirement("uvloop", ">=0.2", "")),
        ('a; (sys_platform != "win32") and extra=="b"', Requirement("a", "", "b")),
    ],
)
def test_a_line_is_read(line: str, expected: Requirement) -> None:
    assert requirements([line]) == (expected,)


def test_a_line_without_a_name_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=">=4"):
        requirements([">=4"])
