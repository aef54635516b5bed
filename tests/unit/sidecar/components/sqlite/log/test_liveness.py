from __future__ import annotations

from outboard.host.processes import ProcessIdentity
from outboard.sidecar.components.sqlite.log.liveness import Member, Observer

ELSEWHERE = ProcessIdentity("elsewhere", 1, 0.0)


class Time:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_who_beats_lives_and_who_is_silent_for_a_session_is_dead() -> None:
    time = Time()
    observer = Observer(10, time, lambda home: False)
    beats = 0
    for _ in range(5):
        assert observer.dead([Member(1, beats, ELSEWHERE), Member(2, 0, ELSEWHERE)]) == set()
        time.seconds, beats = time.seconds + 2.5, beats + 1

    assert observer.dead([Member(1, beats, ELSEWHERE), Member(2, 0, ELSEWHERE)]) == {2}


def test_time_counts_from_when_a_member_was_first_seen() -> None:
    time = Time()
    observer = Observer(10, time, lambda home: False)
    time.seconds += 1000

    assert observer.dead([Member(1, 77, ELSEWHERE)]) == set()


def test_whose_process_has_ended_is_dead_at_once() -> None:
    observer = Observer(10, Time(), lambda home: home.process == 5)

    assert observer.dead(
        [Member(1, 0, ProcessIdentity("h", 5, 0.0)), Member(2, 0, ProcessIdentity("h", 6, 0.0))]
    ) == {1}
