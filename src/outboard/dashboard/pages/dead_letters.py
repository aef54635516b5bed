"""*Dead letters*: groups of what failed, then letters; replayed, mended or dropped, a dry run first."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from outboard.dashboard.letters import KnownLetters
from outboard.dashboard.pages.page import DashboardPage
from outboard.dashboard.replays import LetterJob, LetterJobs, Work
from outboard.dashboard.server.dashboard import Dashboard
from outboard.dashboard.server.forms import form_of
from outboard.dashboard.server.pacing import Paced
from outboard.dashboard.views.letter_query import STATES, LettersAsked, ReplayWish
from outboard.dashboard.views.letters_page import LetterRow, letter_view, report_view
from outboard.errors import OutboardError

__all__ = ["DEAD_LETTERS"]

PULSE: Final = 2.0
"""Seconds after which databases are looked into again: nobody tells of a new letter."""
JOB_PULSE: Final = 0.5
ID_BYTES: Final = 6
NO_LETTER: Final = {"problem": "There is no such letter."}
FORGOTTEN: Final = {"problem": "Nothing is known of it any more."}


def _routes(dashboard: Dashboard) -> Sequence[BaseRoute]:
    page = _LettersPage(dashboard)
    return (
        Route("/dead-letters", page.all),
        Route("/dead-letters/stream", page.stream),
        Route("/dead-letter", page.one),
        Route("/dead-letters/replay", page.replay, methods=["POST"]),
        Route("/dead-letters/drop", page.drop, methods=["POST"]),
        Route("/dead-letters/job", page.job),
        Route("/dead-letters/job/stream", page.job_stream),
    )


class _LettersPage:
    """Each method answers one address."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard
        self._watch = dashboard.watch
        self._letters = KnownLetters(dashboard.watch)
        self._jobs = LetterJobs(dashboard.watch.clock, lambda: secrets.token_hex(ID_BYTES))

    async def all(self, request: Request) -> Response:
        await self._watch.refresh()
        asked = LettersAsked.of(request.query_params)
        values = {**await self._seen(asked), "states": STATES, "topics": self._watch.feed.topics}
        response = await self._dashboard.page(request, "letters.html", values)
        response.headers["hx-replace-url"] = DEAD_LETTERS.path + asked.query
        return response

    async def stream(self, request: Request) -> Response:
        asked = LettersAsked.of(request.query_params)

        async def render() -> str:
            return self._dashboard.templates.render("letters_found.html", await self._seen(asked))

        return self._dashboard.stream(Paced(render, self._watch.clock), PULSE)

    async def one(self, request: Request) -> Response:
        await self._watch.refresh()
        database, id = (request.query_params.get(name, "") for name in ("database", "id"))
        try:
            found = await self._letters.get(database, id)
        except (OutboardError, ValueError) as error:
            return await self._problem(request, error)
        if found is None:
            return await self._dashboard.page(request, "problem.html", NO_LETTER, 404)
        letter = found.letter
        state = "" if letter.state == "waiting" else letter.state.value
        asked = LettersAsked(database=database, ids=(letter.id,), state=state)
        known = bool(self._watch.feed.stories_of(letter.event_id))
        values = {"letter": letter_view(letter, found.other), "asked": asked, "known": known}
        return await self._dashboard.page(request, "letter.html", values)

    async def replay(self, request: Request) -> Response:
        """A dry run, unless the form confirms one."""
        form = await form_of(request)
        asked = LettersAsked.of(form)
        await self._watch.refresh()
        try:
            wish = ReplayWish.of(form)
            plan = await self._letters.plan(asked, wish)
        except (OutboardError, ValueError) as error:
            return await self._problem(request, error)
        if form.get("confirm") and plan.replayed:
            return self._started(
                f"Replay of {_letters(plan.replayed)}",
                asked,
                lambda job: self._letters.replay(asked, wish, job.progress),
                form.get("event", ""),
            )
        values = {
            "asked": asked,
            "wish": wish,
            "plan": plan,
            "apps": self._watch.feed.apps,
            "event": form.get("event", ""),
        }
        return await self._dashboard.page(request, "letters_replay.html", values)

    async def drop(self, request: Request) -> Response:
        """How many it would be, unless the form confirms it."""
        form = await form_of(request)
        asked = LettersAsked.of(form)
        await self._watch.refresh()
        try:
            count = await self._letters.droppable(asked)
        except (OutboardError, ValueError) as error:
            return await self._problem(request, error)
        if form.get("confirm") and count:
            return self._started(f"Drop of {_letters(count)}", asked, lambda _job: self._letters.drop(asked))
        return await self._dashboard.page(request, "letters_drop.html", {"asked": asked, "count": count})

    async def job(self, request: Request) -> Response:
        await self._watch.refresh()
        job = self._jobs.get(request.query_params.get("id", ""))
        if job is None:
            return await self._dashboard.page(request, "problem.html", FORGOTTEN, 404)
        return await self._dashboard.page(request, "letters_job.html", await self._of_job(job))

    async def job_stream(self, request: Request) -> Response:
        job = self._jobs.get(request.query_params.get("id", ""))

        async def render() -> str:
            if job is None:
                return ""
            return self._dashboard.templates.render("letters_job_state.html", await self._of_job(job))

        return self._dashboard.stream(Paced(render, self._watch.clock, JOB_PULSE), JOB_PULSE)

    async def _seen(self, asked: LettersAsked) -> dict[str, object]:
        databases = await self._letters.databases()
        without = await self._letters.uncollected(databases)
        looked = [each for each in databases if asked.database in ("", each.id)]
        found = await asyncio.gather(*(self._letters.look(asked, each) for each in looked))
        return {"asked": asked, "databases": found, "without": without}

    async def _of_job(self, job: LetterJob) -> dict[str, object]:
        report = None if job.outcome is None else report_view(*job.outcome)
        problem = ""
        anew: tuple[int, Sequence[LetterRow]] = (0, ())
        if report is not None:
            try:
                anew = await self._letters.failed_since(job.asked, job.started)
            except OutboardError as error:
                problem = str(error)
        return {"job": job, "report": report, "anew": anew, "problem": job.problem or problem}

    def _started(self, title: str, asked: LettersAsked, work: Work, event: str = "") -> Response:
        job = self._jobs.start(title, asked, work, event)
        return RedirectResponse(f"/dead-letters/job?id={job.id}", 303)

    async def _problem(self, request: Request, error: Exception) -> Response:
        return await self._dashboard.page(request, "problem.html", {"problem": str(error)}, 400)


def _letters(number: int) -> str:
    return f"{number:,} {'letter' if number == 1 else 'letters'}"


DEAD_LETTERS: Final = DashboardPage("/dead-letters", "Dead letters", _routes)
