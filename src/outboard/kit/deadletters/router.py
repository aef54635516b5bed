"""Dead letters over HTTP, for whoever the app lets in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from fastapi import APIRouter, HTTPException, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from outboard.errors import DeadLettersUnavailable, OutboardError, OutboxUnavailable
from outboard.kit.arguments import wrong
from outboard.kit.deadletters.port import Letter, LetterGroup, LetterSelection, LetterState
from outboard.kit.deadletters.replaying import AS_IT_IS, ReplayReport

if TYPE_CHECKING:
    from outboard.kit.deadletters.letters import Letters

__all__ = ["letters_router"]

MOST: Final = 1_000
UNAVAILABLE: Final = 503
UNPROCESSABLE: Final = 422


class LetterQuery(BaseModel):
    """Which letters are meant, as `LetterSelection` has it."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] | None = None
    group: str = ""
    app_id: str = ""
    topic: str = ""
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    reason: str = ""
    text: str = ""
    state: LetterState | None = LetterState.WAITING

    def selection(self) -> LetterSelection:
        """Of what is said."""
        names = LetterQuery.model_fields
        said = {name: value for name in names if (value := getattr(self, name)) not in ("", None)}
        return cast("LetterSelection", {**said, "state": self.state})


class LetterPage(LetterQuery):
    """A page of letters, from behind one of them."""

    limit: int = Field(default=100, ge=1, le=MOST)
    after: str = ""


class LettersToReplay(LetterQuery):
    """What to publish again, and how. Unless `dry_run` is false, nothing is."""

    to: str = ""
    app: str = ""
    everybody: bool = False
    data: Any = None
    everything: bool = False
    limit: int = Field(default=MOST, ge=1, le=MOST)
    dry_run: bool = True


class LettersToDrop(LetterQuery):
    """What to give up. Unless `dry_run` is false, nothing is."""

    everything: bool = False
    dry_run: bool = True


def letters_router(letters: Letters, dependencies: Sequence[Any]) -> APIRouter:
    """Routes for `letters`, behind `dependencies`. Raises TypeError where there are none."""
    given: object = dependencies
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        wrong("dependencies", "a list of Depends(...) that let in who may replay events", dependencies)
    router = APIRouter(prefix="/dead-letters", tags=["dead letters"], dependencies=list(dependencies))

    @router.get("/groups")
    async def groups(query: Annotated[LetterPage, Query()]) -> list[dict[str, Any]]:
        """Letters of one handler that failed in one way, counted."""
        return [_of_group(each) for each in await _tried(letters.groups, query.limit, **query.selection())]

    @router.get("")
    async def find(query: Annotated[LetterPage, Query()]) -> list[dict[str, Any]]:
        """Letters, the oldest first, with what is sensitive masked."""
        found = await _tried(letters.find, query.limit, query.after, **query.selection())
        return [_of_letter(each) for each in found]

    @router.get("/{id}")
    async def get(id: str) -> dict[str, Any]:
        """One letter."""
        found = await _tried(letters.get, id)
        if found is None:
            raise HTTPException(404, "there is no dead letter of this id")
        return _of_letter(found)

    @router.post("/replay")
    async def replay(wanted: LettersToReplay) -> ReplayReport:
        """Publish letters again: what would be, unless `dry_run` is false; `limit` of them at most."""
        data = wanted.data if "data" in wanted.model_fields_set else AS_IT_IS
        report: ReplayReport = await _tried(
            letters.replay, to=wanted.to, app=wanted.app, everybody=wanted.everybody, data=data,
            limit=wanted.limit, everything=wanted.everything, dry_run=wanted.dry_run, **wanted.selection(),
        )  # fmt: skip
        return report

    @router.post("/drop")
    async def drop(wanted: LettersToDrop) -> dict[str, Any]:
        """Give up letters: how many there are, unless `dry_run` is false."""
        dropped = await _tried(
            letters.drop, everything=wanted.everything, dry_run=wanted.dry_run, **wanted.selection()
        )
        return {"dropped": dropped, "dry_run": wanted.dry_run}

    return router


async def _tried(do: Callable[..., Any], *arguments: object, **named: object) -> Any:
    """What `do` comes to, or the status of what is wrong: with the database, or with what was asked."""
    try:
        return await do(*arguments, **named)
    except (DeadLettersUnavailable, OutboxUnavailable) as error:
        raise HTTPException(UNAVAILABLE, str(error)) from error
    except (OutboardError, ValueError) as error:
        raise HTTPException(UNPROCESSABLE, str(error)) from error


def _of_letter(letter: Letter) -> dict[str, Any]:
    return {**asdict(letter), "handler": letter.handler}


def _of_group(group: LetterGroup) -> dict[str, Any]:
    return {**asdict(group), "handler": group.handler}
