"""What the backend's clients send and get."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from events import Task


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the character U+0000, which PostgreSQL cannot store")
    return text


Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_without_nul),
]
Description = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_without_nul)]


class NewTask(BaseModel):
    title: Title
    description: Description = ""
    completed: bool = False


class TaskChanges(BaseModel):
    """What is left out stays as it is."""

    title: Title | None = None
    description: Description | None = None
    completed: bool | None = None


class TaskQuery(BaseModel):
    """`text` is looked for in title and description, whatever its case."""

    completed: bool | None = None
    text: Annotated[str, StringConstraints(max_length=200), AfterValidator(_without_nul)] = ""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    offset: Annotated[int, Field(ge=0, le=2**31)] = 0


class TaskPage(BaseModel):
    """`items` from `offset` on, newest first; `total` counts all that match."""

    items: list[Task]
    total: int
    limit: int
    offset: int
