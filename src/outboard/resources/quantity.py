"""Kubernetes quantities: `4Mi`, `512Ki`, `1e6`."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["parse_quantity"]

FACTORS: Final = {
    "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60,
}  # fmt: skip
QUANTITY: Final = re.compile(r"(\d{1,18})(?:\.(\d{1,9}))?(?:[eE](\d{1,2})|(Ki|[kMGTPE]i?))?\Z", re.ASCII)


def parse_quantity(text: str) -> int:
    """The whole number that `text` stands for, rounded up. Raises ValueError.

    Source: Kubernetes, "Quantity". Negative ones and those below one (`500m`) make no sense for a size.
    """
    match = QUANTITY.match(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a quantity: write for instance `4Mi`, `512Ki` or `4194304`")
    whole, fraction, exponent, suffix = match.groups(default="")
    factor = 10 ** int(exponent) if exponent else FACTORS[suffix]
    scale: int = 10 ** len(fraction)
    return int(whole) * factor - (-int(fraction or 0) * factor // scale)
