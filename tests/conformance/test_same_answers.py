"""The same questions to the real daprd and to `outboard sidecar`, and the same answers."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from conformance.asking import Observed
from conformance.comparing import differences
from conformance.differences import REASONS
from conformance.question import Group, Question
from conformance.questions import GROUPS

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(300)]

CASES = [
    pytest.param(group, question, id=f"{group.name}/{question.name}")
    for group in GROUPS
    for question in group.questions
]


@pytest.mark.parametrize(("group", "question"), CASES)
def test_same_answer(
    group: Group, question: Question, answers: Mapping[str, tuple[Observed, Observed]]
) -> None:
    real, ours = answers[question.name]
    assert len(real.deliveries) == question.deliveries, f"daprd delivered {real.deliveries}"
    found = differences(real, ours)
    if question.name in REASONS:
        assert found, f"no longer a difference; take it out of the table: {REASONS[question.name]}"
    else:
        assert not found, "\n" + "\n".join(found)
