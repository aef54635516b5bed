"""The cases of each rule of `outboard check`: a text file a rule, with files where it fires and where not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CASES", "RuleCase", "read_cases"]

CASES = Path(__file__).parents[1] / "unit" / "check" / "cases"
USUAL = "resources.yaml"
HEAD = re.compile(r"^=== (?:(?P<code>OB\d{3}) (?P<what>fires|silent)|file (?P<file>\S+))\n", re.MULTILINE)


@dataclass(frozen=True)
class RuleCase:
    """Files in which the rule `code` finds something, or does not."""

    code: str
    fires: bool
    files: dict[str, str]

    @property
    def version(self) -> str:
        """What `--dapr-version` says: in a file of that name."""
        return self.files.get("dapr-version", "").strip()

    def write(self, folder: Path) -> None:
        """Write the files below `folder`."""
        for name, text in self.files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")


def read_cases() -> list[RuleCase]:
    """All cases, by code."""
    return [case for path in sorted(CASES.glob("OB*.txt")) for case in _cases(path)]


def _cases(path: Path) -> list[RuleCase]:
    text = path.read_text(encoding="utf-8")
    heads = list(HEAD.finditer(text))
    assert heads, path
    ends = [head.start() for head in heads[1:]] + [len(text)]
    found: list[RuleCase] = []
    name = USUAL
    for head, end in zip(heads, ends, strict=True):
        if head["code"]:
            found.append(RuleCase(head["code"], head["what"] == "fires", {}))
            name = USUAL
        else:
            name = head["file"]
        content = text[head.end() : end]
        if content:
            found[-1].files[name] = content
    return found
