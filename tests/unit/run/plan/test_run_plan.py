"""The plan of a run: ports, environment, command lines, and what is refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest

from outboard.errors import CommandError, PortTaken
from outboard.resources.finding import Finding
from outboard.run.plan.app_variables import exporting, with_spans
from outboard.run.plan.description import plan_as_json, plan_as_text
from outboard.run.plan.interpreter import Interpreter
from outboard.run.plan.making import make_plan
from outboard.run.plan.plan import AppPlan, ChosenApps, RunOptions, RunPlan
from outboard.run.plan.settings import Value
from outboard.run.plan.template import AppSpec
from outboard.run.plan.tokens import TokenUse
from outboard.runs.spans import SpanDestination

HERE = Interpreter(Path("/venv/bin/python"), Path("/venv"))
FOLDER = Path("/project/backend")


@dataclass
class FakePorts:
    """A machine whose taken ports have owners."""

    owners: Mapping[int, str] = field(default_factory=dict)

    def owner(self, port: int) -> str | None:
        return self.owners.get(port)

    def pick(self, first: int, avoid: Collection[int]) -> int:
        return next(port for port in range(first, 70000) if port not in avoid and port not in self.owners)


def spec(
    app_id: str = "backend", command: tuple[str, ...] = ("python", "-m", "x"), **settings: Value
) -> AppSpec:
    values = {name.replace("_", "-"): value for name, value in settings.items()}
    return AppSpec(app_id, FOLDER, command, f"dapr.yaml:{len(app_id)}", {"OWN": "secret-value"}, values)


def plan(
    *specs: AppSpec,
    options: RunOptions | None = None,
    owners: Mapping[int, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> RunPlan:
    made, chosen = (f"made-{number}" for number in count(1)), ChosenApps(specs)
    ports = FakePorts(owners or {})
    return make_plan(chosen, options or RunOptions(), ports, HERE, environment or {}, lambda: next(made))


def only(made: RunPlan) -> AppPlan:
    (app,) = made.apps
    return app


def test_picks_the_ports_that_are_not_given_and_free() -> None:
    first, second = plan(
        spec("one"), spec("two", dapr_http_port=3501, app_port=3502), owners={3500: "daprd", 50001: "daprd"}
    ).apps
    assert (first.http_port, first.grpc_port, first.app_port) == (3503, 50002, 0)
    assert (second.http_port, second.grpc_port, second.app_port) == (3501, 50003, 3502)


def test_beside_others_nobody_gets_the_port_that_code_names_by_default() -> None:
    assert only(plan(spec())).http_port == 3500
    assert [app.http_port for app in plan(spec("one"), spec("two")).apps] == [3501, 3502]
    assert [app.http_port for app in plan(spec("one"), spec("two", dapr_http_port=3500)).apps] == [3501, 3500]


def test_an_app_that_nobody_starts_here_may_run_already() -> None:
    app = only(plan(spec(command=(), app_port=5000), owners={5000: "the app (process 7)"}))
    assert (app.app_port, app.started_here) == (5000, False)


def test_two_apps_may_have_one_app_port_and_a_note_says_so() -> None:
    made = plan(spec("one", app_port=5000), spec("two", app_port=5000))
    assert [app.app_port for app in made.apps] == [5000, 5000]
    assert made.notes == (
        "one and two have the same app port, 5000: whatever listens there gets the events of each",
    )
    with pytest.raises(PortTaken, match="5000"):
        plan(spec("one", app_port=5000), spec("two", app_port=5000, dapr_http_port=5000))


def test_the_findings_of_the_run_file_are_the_plans() -> None:
    chosen = ChosenApps([spec()], findings=(Finding("dapr.yaml", 4, "unknown key `x` is ignored"),))
    made = make_plan(chosen, RunOptions(strict=True), FakePorts(), HERE, {}, str)
    assert (made.findings, made.strict) == (chosen.findings, True)


def test_tells_the_app_its_ports_as_dapr_run_does() -> None:
    app = only(plan(spec(app_port=8000, metrics_port=9090), environment={"HOME": "/home/x"}))
    assert app.variables == {
        "APP_ID": "backend",
        "APP_PROTOCOL": "http",
        "APP_PORT": "8000",
        "DAPR_HTTP_PORT": "3500",
        "DAPR_GRPC_PORT": "50001",
        "DAPR_METRICS_PORT": "9090",
        "OTEL_SERVICE_NAME": "backend",
        "OUTBOARD_CONTINUE_TRACES": "true",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    assert app.full_environment["HOME"] == "/home/x"
    assert app.full_environment["OWN"] == "secret-value"


def test_what_the_environment_says_of_telemetry_stays() -> None:
    said = {"OTEL_SERVICE_NAME": "shop", "OUTBOARD_CONTINUE_TRACES": "false"}
    app = only(plan(spec(), environment={"HOME": "/home/x", **said}))
    assert app.full_environment.items() >= said.items()
    assert not said.keys() & app.variables.keys()


def test_an_app_that_exports_its_spans_to_nobody_is_told_of_the_dashboard_and_no_other_is() -> None:
    destination = SpanDestination.of("http://127.0.0.1:4320", "secret")
    asks = {"OTEL_TRACES_EXPORTER": "otlp"}
    made = plan(replace(spec("asks"), environment=asks), spec("silent"), environment={"HOME": "/home/x"})
    assert exporting(made) == ["asks"]
    told = with_spans(made, destination)
    assert told.apps[0].added_environment.items() >= {**destination.variables, **asks}.items()
    assert not told.apps[0].full_environment.keys() & destination.variables.keys()  # its sidecar has that
    assert told.apps[1] == made.apps[1]
    assert with_spans(made, None) == made


def test_does_not_lead_the_app_to_another_sidecar() -> None:
    app = only(plan(spec(), environment={"DAPR_HTTP_ENDPOINT": "http://elsewhere", "DAPR_HTTP_PORT": "1"}))
    assert "DAPR_HTTP_ENDPOINT" not in app.full_environment
    assert app.full_environment["DAPR_HTTP_PORT"] == "3500"


def test_an_app_without_app_port_is_not_told_one() -> None:
    assert "APP_PORT" not in only(plan(spec())).variables


def test_builds_daprds_command_line() -> None:
    app = only(
        plan(
            spec(
                app_port=8000,
                resources_path=("/a", "/b"),
                log_level="debug",
                enable_api_logging=True,
                app_ssl=False,
            )
        )
    )
    assert app.sidecar == (
        *("--app-id", "backend", "--app-port", "8000"),
        *("--resources-path", "/a", "--resources-path", "/b", "--log-level", "debug", "--enable-api-logging"),
        *("--dapr-http-port", "3500", "--dapr-grpc-port", "50001"),
    )


def test_python_is_the_one_that_runs_outboard_unless_another_environment_is_active() -> None:
    assert only(plan(spec())).command[0] == str(HERE.executable)
    assert only(plan(spec(), environment={"VIRTUAL_ENV": "/venv"})).command[0] == str(HERE.executable)
    assert only(plan(spec(), environment={"VIRTUAL_ENV": "/other"})).command[0] == "python"
    assert only(plan(spec(command=("node", "x.js")))).command == ("node", "x.js")


def test_tools_of_the_same_environment_are_found_first() -> None:
    app = only(plan(spec(), environment={"PATH": "/usr/bin"}))
    assert app.full_environment["PATH"].startswith(str(HERE.executable.parent))
    other = only(plan(spec(), environment={"PATH": "/usr/bin", "VIRTUAL_ENV": "/other"}))
    assert other.full_environment["PATH"] == "/usr/bin"


@pytest.mark.parametrize("flag", ["app-port", "dapr-http-port", "dapr-grpc-port"])
def test_a_taken_port_is_named_with_its_owner(flag: str) -> None:
    with pytest.raises(PortTaken, match=r"8000.*'backend'.*uvicorn \(process 7\)") as caught:
        plan(replace(spec(), settings={flag: 8000}), owners={8000: "uvicorn (process 7)"})
    assert caught.value.port == 8000
    assert "dapr.yaml:7" in caught.value.option


def test_one_port_for_two_apps_is_refused_with_both_named() -> None:
    with pytest.raises(PortTaken, match=r"'second'.*'first'"):
        plan(spec("first", app_port=8000), spec("second", dapr_http_port=8000))


def test_the_option_of_an_app_from_the_command_line_is_its_flag() -> None:
    app = AppSpec("x", FOLDER, ("python",), "--app-id", settings={"app-port": 80})
    with pytest.raises(PortTaken, match="with --app-port"):
        plan(app, owners={80: "somebody"})


def test_an_attached_app_is_not_started_and_may_have_its_port_already() -> None:
    app = only(
        plan(
            spec(app_port=8000, enable_app_health_check=True, app_health_threshold=2),
            options=RunOptions(attach=frozenset({"backend"}), reload=True),
            owners={8000: "the debugger"},
        )
    )
    assert app.attached
    assert not app.started_here
    assert not app.reload
    assert app.may_restart
    assert "--enable-app-health-check" not in app.sidecar  # it would stop the events during a breakpoint


def test_health_checks_stay_on_where_nothing_stands_still() -> None:
    app = only(plan(spec(app_port=8000, enable_app_health_check=True)))
    assert "--enable-app-health-check" in app.sidecar


def test_attaching_an_unknown_app_is_refused_with_the_near_name() -> None:
    with pytest.raises(CommandError, match="Did you mean backend"):
        plan(spec(), options=RunOptions(attach=frozenset({"backand"})))


def test_an_own_variable_never_shows_in_a_repr_or_a_description() -> None:
    made = plan(spec(app_port=8000), environment={"TOKEN": "inherited-secret"})
    for shown in (repr(made), plan_as_text(made, ()), str(plan_as_json(made, ()))):
        assert "secret-value" not in shown
        assert "inherited-secret" not in shown
    assert "OWN" in plan_as_text(made, ())


DAPRD = RunOptions(daprd=Path("/usr/bin/daprd"))


def test_each_daprd_gets_all_its_ports() -> None:
    made = plan(spec("one"), spec("two", metrics_port=9095), options=DAPRD, owners={9090: "prometheus"})
    first, second = made.apps
    assert made.daprd == Path("/usr/bin/daprd")
    assert ports_of(first) == {"http": "3501", "grpc": "50001", "internal-grpc": "50002", "metrics": "9091"}
    assert ports_of(second) == {"http": "3502", "grpc": "50003", "internal-grpc": "50004", "metrics": "9095"}
    assert second.variables["DAPR_METRICS_PORT"] == "9095"


def ports_of(app: AppPlan) -> dict[str, str]:
    pairs = zip(app.sidecar, app.sidecar[1:], strict=False)
    ports = {flag.strip("-").removeprefix("dapr-"): value for flag, value in pairs if flag.endswith("-port")}
    return {name.removesuffix("-port"): value for name, value in ports.items()}


def test_a_profiling_port_is_picked_only_where_daprd_profiles() -> None:
    profiled, plain = plan(spec("one", enable_profiling=True), spec("two"), options=DAPRD).apps
    assert ports_of(profiled)["profile"] == "7777"
    assert "profile" not in ports_of(plain)


def test_a_metrics_port_is_nobodys_beside_the_own_sidecar_and_refused_beside_daprd() -> None:
    taken = {9090: "prometheus (process 1)"}
    assert only(plan(spec(metrics_port=9090), owners=taken)).http_port == 3500
    with pytest.raises(
        PortTaken, match=r"9090 for the sidecar's metrics of 'backend' is taken by prometheus"
    ):
        plan(spec(metrics_port=9090), options=DAPRD, owners=taken)


def test_resources_of_the_command_line_replace_those_of_each_app() -> None:
    options = RunOptions(resources=("/swap/a", "/swap/b"))
    first, second = plan(spec("one", resources_path=("/own",)), spec("two"), options=options).apps
    for app in (first, second):
        pairs = zip(app.sidecar, app.sidecar[1:], strict=False)
        assert [value for flag, value in pairs if flag == "--resources-path"] == ["/swap/a", "/swap/b"]


def test_a_description_tells_the_engine() -> None:
    made = plan(spec(), options=DAPRD)
    assert "/usr/bin/daprd --app-id backend --mode standalone" in plan_as_text(made, ())
    described = plan_as_json(plan(spec()), ())
    assert isinstance(described, dict)
    assert described["engine"] == "outboard"


def test_makes_tokens_of_its_own_for_each_app() -> None:
    first, second = plan(spec("one"), spec("two")).apps
    assert first.tokens == {"DAPR_API_TOKEN": "made-1", "APP_API_TOKEN": "made-2"}
    assert second.tokens == {"DAPR_API_TOKEN": "made-3", "APP_API_TOKEN": "made-4"}
    assert first.full_environment.items() >= first.tokens.items() <= first.added_environment.items()
    assert first.api_token_optional


def test_a_token_that_is_given_counts_and_is_asked_of_everybody() -> None:
    given = replace(spec(), environment={"APP_API_TOKEN": ""})
    app = only(plan(given, environment={"DAPR_API_TOKEN": "sesame"}))
    assert app.tokens == {}
    assert (app.full_environment["DAPR_API_TOKEN"], app.full_environment["APP_API_TOKEN"]) == ("sesame", "")
    assert not app.api_token_optional


def test_tokens_are_required_or_not_made() -> None:
    required = only(plan(spec(), options=RunOptions(tokens=TokenUse.REQUIRED)))
    assert (len(required.tokens), required.api_token_optional) == (2, False)
    none = only(plan(spec(), options=RunOptions(tokens=TokenUse.NONE)))
    assert (none.tokens, none.api_token_optional) == ({}, False)


def test_daprd_would_shut_out_an_app_that_sends_no_token() -> None:
    daprd = Path("/usr/bin/daprd")
    assert only(plan(spec(), options=RunOptions(daprd=daprd))).tokens == {"APP_API_TOKEN": "made-1"}
    required = RunOptions(daprd=daprd, tokens=TokenUse.REQUIRED)
    assert len(only(plan(spec(), options=required)).tokens) == 2


def test_tokens_are_told_by_name_only() -> None:
    made = plan(spec())
    for shown in (repr(made), plan_as_text(made, ()), str(plan_as_json(made, ()))):
        assert "made-1" not in shown
    assert "APP_API_TOKEN, DAPR_API_TOKEN" in plan_as_text(made, ())
