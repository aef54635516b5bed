from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent, indent

import pytest

from outboard.errors import ResourceError
from outboard.resources.document import load
from outboard.resources.resiliency import CircuitBreaker, CodeRange, Policies, Resiliency, RetryPolicy, merge
from outboard.resources.resiliency_reader import parse


def resiliency(spec: str) -> Resiliency:
    text = "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec:\n"
    (node,) = load(Path("r.yaml"), text + indent(dedent(spec), "  "))
    return parse(node)


def test_policies_and_targets() -> None:
    found = resiliency(
        """\
        policies:
          timeouts: {fast: 500ms, bare: 250}
          retries:
            steady: {policy: constant, duration: 2s, maxRetries: 3}
            backoff:
              policy: exponential
              maxInterval: 15s
              matching: {httpStatusCodes: "429,500-599", gRPCStatusCodes: 4}
            all-default: {}
          circuitBreakers:
            breaker: {maxRequests: 2, interval: 8s, timeout: 45s, trip: consecutiveFailures > 8}
            all-default: {}
        targets:
          apps: {other: {timeout: unknown-here}}
          components:
            kafka-pubsub:
              inbound: {timeout: fast, retry: steady}
              outbound: {retry: backoff, circuitBreaker: breaker}
        """
    )

    assert found.timeouts == {"fast": 0.5, "bare": 0.25}
    assert found.retries == {
        "steady": RetryPolicy("constant", 2.0, max_retries=3),
        "backoff": RetryPolicy(
            "exponential", max_interval=15.0, http_codes=(CodeRange(429, 429), CodeRange(500, 599)),
            grpc_codes=(CodeRange(4, 4),),
        ),
        "all-default": RetryPolicy("constant", 5.0, max_retries=-1),
    }  # fmt: skip
    assert found.circuit_breakers == {
        "breaker": CircuitBreaker(2, 8.0, 45.0, "consecutiveFailures > 8"),
        "all-default": CircuitBreaker(1, 0.0, 60.0, "consecutiveFailures > 5"),
    }
    assert found.policies("kafka-pubsub", "Pubsub", "inbound") == Policies(0.5, found.retries["steady"])
    assert found.policies("kafka-pubsub", "Pubsub", "outbound") == Policies(
        None, found.retries["backoff"], found.circuit_breakers["breaker"]
    )


def test_a_range_of_codes_contains_both_ends() -> None:
    assert [code in CodeRange(500, 502) for code in (499, 500, 502, 503)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["DefaultRetryPolicy"], 1),
        (["DefaultRetryPolicy", "DefaultComponentRetryPolicy"], 2),
        (["DefaultComponentRetryPolicy", "DefaultComponentInboundRetryPolicy"], 2),
        (["DefaultPubsubComponentInboundRetryPolicy", "DefaultComponentInboundRetryPolicy"], 1),
        (["DefaultPubsubComponentOutboundRetryPolicy", "DefaultStatestoreComponentInboundRetryPolicy"], None),
    ],
)
def test_the_most_special_default_policy_counts(names: list[str], expected: int | None) -> None:
    found = Resiliency(retries={name: RetryPolicy(max_retries=index) for index, name in enumerate(names, 1)})

    retry = found.policies("p", "Pubsub", "inbound").retry

    assert (retry.max_retries if retry else None) == expected


def test_a_component_that_is_a_target_has_no_defaults() -> None:
    found = resiliency(
        """\
        policies: {retries: {DefaultRetryPolicy: {}}}
        targets: {components: {p: {outbound: {retry: DefaultRetryPolicy}}}}
        """
    )

    assert found.policies("p", "Pubsub", "inbound").retry is None
    assert found.policies("p", "Pubsub", "outbound").retry == RetryPolicy()
    assert found.policies("q", "Pubsub", "inbound").retry == RetryPolicy()


def test_a_target_may_name_a_policy_of_another_file() -> None:
    policy = resiliency("policies: {retries: {steady: {maxRetries: 2}}}")
    target = resiliency("targets: {components: {p: {inbound: {retry: steady}}}}")

    assert merge([target, policy]).policies("p", "Pubsub", "inbound").retry == RetryPolicy(max_retries=2)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("inbound: {retry: stedy}", "r.yaml:6: there is no retry policy `stedy`. Did you mean `steady`?"),
        ("outbound: {circuitBreaker: b}", "r.yaml:6: there is no circuitBreaker policy `b`. Define it under"),
        ("inbound: {timeout: slow}", "r.yaml:6: there is no timeout policy `slow`"),
    ],
)
def test_a_policy_that_is_nowhere_is_named_with_its_line(names: str, said: str) -> None:
    spec = f"policies: {{retries: {{steady: {{}}}}}}\ntargets: {{components: {{p: {{{names}}}}}}}"

    with pytest.raises(ResourceError, match=re.escape(said)):
        merge([resiliency(spec)])


def test_times_of_a_circuit_breaker_that_are_none_are_the_defaults() -> None:
    found = resiliency("policies: {circuitBreakers: {b: {maxRequests: 0, interval: -1s, timeout: 0s}}}")

    assert found.circuit_breakers["b"] == CircuitBreaker()


def test_of_several_the_later_counts_name_by_name() -> None:
    first = Resiliency(timeouts={"a": 1.0, "b": 1.0}, retries={"r": RetryPolicy()})
    second = Resiliency(timeouts={"b": 2.0})

    merged = merge([first, second])

    assert (merged.timeouts, merged.retries) == ({"a": 1.0, "b": 2.0}, {"r": RetryPolicy()})


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("policies: {timeouts: {fast: soon}}", "r.yaml:5: `fast`: 'soon' is not a duration"),
        ("policies: {retries: {r: {policy: linear}}}", "r.yaml:5: `policy: linear` is not a retry policy"),
        ("policies: {retries: {r: {maxRetries: many}}}", "r.yaml:5: `maxRetries` must be a whole number"),
        (
            "policies: {retries: {r: {matching: {httpStatusCodes: 5xx}}}}",
            "r.yaml:5: '5xx' is not a status code",
        ),
        (
            "policies: {retries: {r: {matching: {httpStatusCodes: 500-400}}}}",
            "'500-400' is not a status code",
        ),
        (
            'policies: {retries: {r: {matching: {httpStatusCodes: "429, 500"}}}}',
            "r.yaml:5: ' 500' is not a status code or a range of them. Write for instance `429,500-599`",
        ),
        ("policies: {retries: {r: {matching: {httpStatusCodes: 600}}}}", "from 100 to 599"),
        ("policies: {retries: {r: {matching: {gRPCStatusCodes: 2-17}}}}", "from 0 to 16"),
        ('policies: {retries: {r: {matching: {httpStatusCodes: ","}}}}', "holds no status code"),
        ("policies: {circuitBreakers: {b: {maxRequests: -1}}}", "r.yaml:5: `maxRequests: -1` is not"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(spec: str, said: str) -> None:
    with pytest.raises(ResourceError) as caught:
        resiliency(spec)

    assert said in str(caught.value)
