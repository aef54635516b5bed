"""Which tests run on which engine, in runs of pytest of their own; none of them starts a process."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from outboard import Outboard
from outboard.testing import Harness, NotOnThisEngine, session

MARKED = """
    import pytest

    @pytest.mark.outboard_engines("memory", "daprd")
    def test_marked(outboard, outboard_engine):
        assert outboard_engine in ("memory", "daprd")

    def test_plain(outboard): ...
"""

SQLITE = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec: {type: pubsub.sqlite, version: v1}
"""


@pytest.fixture(autouse=True)
def no_daprd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("DAPR_RUNTIME_PATH", raising=False)


def run(pytester: pytest.Pytester, text: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(dedent(text))
    return pytester.runpytest_inprocess("-rs", "--strict-markers", "-p", "no:asyncio", *options)


def test_a_marked_test_runs_once_on_each_engine_and_is_skipped_where_one_is_not_there(
    pytester: pytest.Pytester,
) -> None:
    result = run(pytester, MARKED)
    result.assert_outcomes(passed=2, skipped=1)
    said = " ".join(result.stdout.str().split())
    assert "the engine daprd: there is no daprd on PATH" in said
    assert "DAPR_RUNTIME_PATH" in said


def test_an_engine_that_is_asked_for_and_not_there_fails(pytester: pytest.Pytester) -> None:
    result = run(pytester, MARKED, "--outboard-engine=daprd")
    result.assert_outcomes(errors=2)
    assert "there is no daprd on PATH" in result.stdout.str()
    assert "During handling" not in result.stdout.str()  # what is to be done is said once


def test_a_test_that_is_marked_for_others_is_skipped(pytester: pytest.Pytester) -> None:
    result = run(pytester, MARKED, "--outboard-engine=sqlite")
    result.assert_outcomes(passed=1, skipped=1)
    said = " ".join(result.stdout.str().split())
    assert "it is marked for memory, daprd, and --outboard-engine is sqlite" in said


@pytest.mark.parametrize(
    ("names", "said"), [("'kafka'", "kafka is no engine. There are memory"), ("", "it names no engine")]
)
def test_a_mark_that_names_no_engine_is_refused(pytester: pytest.Pytester, names: str, said: str) -> None:
    text = f"import pytest\n@pytest.mark.outboard_engines({names})\ndef test_marked(outboard): ..."
    result = run(pytester, text)
    result.assert_outcomes(errors=1)
    assert said in " ".join(result.stdout.str().split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--outboard-engine=kafka",),
            "--outboard-engine: kafka is no engine. There are memory, sqlite",
        ),
        (("--outboard-engine=daprd", "--outboard-chaos=1"), "--outboard-chaos is for the engine memory"),
    ],
)
def test_a_command_line_that_cannot_be_done_is_refused(
    pytester: pytest.Pytester, options: tuple[str, ...], said: str
) -> None:
    result = run(pytester, MARKED, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in result.stderr.str()


def test_chaos_leaves_other_engines_alone(pytester: pytest.Pytester) -> None:
    text = MARKED.replace('"daprd"', '"sqlite"')
    run(pytester, text, "--outboard-chaos=1").assert_outcomes(passed=3)


def test_an_engine_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="there is no engine 'kafka': it is one of memory, sqlite, daprd"):
        Harness(engine="kafka")


@pytest.mark.anyio
async def test_what_only_memory_has_is_refused_and_told_what_to_do_instead() -> None:
    topic = Outboard(environ={}).topic("orders", int)
    async with session(engine="sqlite") as s:
        with pytest.raises(NotOnThisEngine, match=r"clock\.advance\(\) is there in memory only.* on sqlite"):
            await s.clock.advance(days=8)
        with pytest.raises(NotOnThisEngine, match=r"clock\.now\(\).*`datetime\.now\(UTC\)`"):
            s.clock.now()
        with pytest.raises(NotOnThisEngine, match=r"none\(\).*`await s\.quiet\(\)`"):
            s.none(topic)
        with pytest.raises(NotOnThisEngine, match=r"a fault.*outboard_engines\(\"memory\"\)"):
            s.faults.duplicates(topic)
        await s.quiet()


def test_a_component_that_daprd_has_not_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pubsub.yaml"
    file.write_text(SQLITE, encoding="utf-8")
    with (
        pytest.raises(
            NotOnThisEngine, match=r"daprd has no pubsub\.sqlite, the type of 'pubsub'.*pubsub\.redis"
        ),
        session(Outboard(environ={}), resources=[tmp_path], engine="daprd"),
    ):
        pass
