"""Bad input and abuse, line by line, with the tests of each: none is lost when tests are moved or renamed."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

TABLE = {
    "headers: authorization, cookie, x-user-* from publish metadata": [
        "unit/sidecar/channel/test_http.py::test_metadata_does_not_speak_for_others",
        "unit/kit/test_bulk_subscriptions.py::test_metadata_of_an_event_does_not_speak_for_others",
    ],
    "headers: control characters in a key or a value": [
        "unit/sidecar/publishing/test_service.py::test_metadata_that_could_be_no_header_is_refused",
        "unit/kit/test_topic_publish.py::test_what_cannot_be_said_is_not_sent",
        "unit/kit/test_poison.py::test_a_key_that_no_header_may_hold_is_left_out",
    ],
    "forgery: service invocation reaches no handler, whatever token it has": [
        "faults/test_wrong_tokens.py::test_the_app_takes_no_event_that_another_app_sends_it",
        "faults/test_wrong_tokens.py::test_service_invocation_through_daprd_reaches_no_handler",
        "faults/test_wrong_tokens.py::test_service_invocation_through_our_sidecars_reaches_no_handler",
    ],
    "tokens: missing, wrong, empty, duplicated, non-ASCII": [
        "faults/test_wrong_tokens.py::test_the_sidecar_does_nothing_without_its_token",
        "faults/test_wrong_tokens.py::test_the_app_takes_no_event_without_its_token",
    ],
    "tokens: rotation": [
        "faults/test_wrong_tokens.py::test_events_wait_until_the_token_of_the_app_is_put_right"
    ],
    "tokens: compared in constant time": [
        "unit/kit/test_tokens_are_compared.py::test_the_token_of_the_app",
        "unit/kit/test_tokens_are_compared.py::test_the_token_of_the_sidecar",
    ],
    "bound to loopback by default": [
        "unit/sidecar/process/test_options_reader.py::test_defaults_are_daprds_but_it_listens_on_loopback_only",
        "unit/run/plan/test_daprd_arguments.py::test_it_is_told_its_name_and_listens_on_loopback_only",
    ],
    "size: capped at enqueue, at the sidecar and at the broker": [
        "unit/kit/outbox/test_outbox_staging.py::test_what_cannot_be_published_is_refused_at_once",
        "unit/kit/test_topic_publish.py::test_too_much_is_refused_before_it_is_sent",
        "faults/test_publishing_faults.py::test_an_event_that_is_oversize_for_the_sidecar_alone_is_refused_by_it",
        "engines/test_kafka_publishing.py::test_what_the_broker_finds_too_large_is_told",
        "faults/test_poisoned_events.py::test_poison_as_large_as_the_sidecar_takes_it_is_dead_lettered_too",
    ],
    "size: chunked bodies": [
        "faults/test_abused_requests.py::test_chunks_that_do_not_end_are_no_event",
        "faults/test_abused_requests.py::test_a_length_beside_chunks_smuggles_no_second_request",
    ],
    "size: false Content-Length": [
        "faults/test_abused_requests.py::test_a_body_of_another_length_is_no_event",
        "faults/test_abused_requests.py::test_two_lengths_are_none",
        "faults/test_abused_requests.py::test_what_is_behind_the_body_is_no_part_of_the_event",
    ],
    "size: slow clients": [
        "integration/test_sidecar_bounds.py::test_a_head_that_does_not_come_is_waited_for_no_longer",
        "integration/test_sidecar_bounds.py::test_a_head_without_end_is_cut_off",
    ],
    "size: response floods": [
        "unit/sidecar/channel/test_app_connections.py::test_of_a_flood_so_much_is_kept_and_the_rest_not_read",
        "unit/kit/test_sidecar_answers.py::test_a_flood_is_cut",
    ],
    "JSON: depth 100,000; NaN and Infinity; \\u0000 unescaped": [
        "faults/test_abused_bodies.py::test_json_that_cannot_be_read_arrives_as_text_and_is_no_cloudevent",
        "faults/test_poisoned_events.py::test_whatever_lies_on_the_topic_is_kept_whole_and_stops_nobody",
    ],
    "JSON: a million keys": [
        "faults/test_abused_requests.py::test_as_many_keys_as_fit_arrive",
        "faults/test_abused_requests.py::test_a_million_keys_are_too_large",
        "faults/test_poisoned_events.py::test_strange_but_legal_events_are_handled",
    ],
    "JSON: 5,000-digit integers": [
        "faults/test_abused_bodies.py::test_5000_digits_are_no_event_and_the_next_one_arrives",
        "faults/test_abused_bodies.py::test_state_with_5000_digits_is_refused_and_what_was_there_stays",
    ],
    "JSON: a trailing second document": [
        "faults/test_abused_bodies.py::test_of_two_documents_the_first_one_counts",
    ],
    "JSON: duplicate keys; \\u0000; integers beyond 2^53": [
        "faults/test_abused_bodies.py::test_json_that_can_be_read_arrives_as_it_is_read",
    ],
    "JSON: lone surrogates": [
        "faults/test_abused_bodies.py::test_a_lone_surrogate_arrives_as_the_replacement_character",
    ],
    "CloudEvents: missing, null or huge id": [
        "faults/test_abused_bodies.py::test_cloudevents_that_end_daprd_are_delivered",
        "faults/test_poisoned_events.py::test_strange_but_legal_events_are_handled",
        "faults/test_poisoned_events.py::test_whatever_lies_on_the_topic_is_kept_whole_and_stops_nobody",
    ],
    "CloudEvents: the same id from another source": [
        "unit/kit/inbox/test_inbox.py::test_an_id_of_another_source_is_another_event",
    ],
    "CloudEvents: traceparent that is not a string": [
        "unit/kit/test_causation.py::test_a_trace_that_is_no_text_is_refused_since_daprd_crashes_at_it",
        "faults/test_poisoned_events.py::test_whatever_lies_on_the_topic_is_kept_whole_and_stops_nobody",
    ],
    "CloudEvents: expiration in the past": [
        "unit/sidecar/events/test_received_events.py::test_expiry",
        "contract/test_delivery_contract.py::test_what_has_outlived_its_time_reaches_nobody",
    ],
    "names: ../, %2F, ?, #, NUL, ||, over 250 characters, look-alike Unicode": [
        "faults/test_abused_names.py::test_a_topic_is_the_one_that_the_url_names",
        "faults/test_abused_names.py::test_the_kit_refuses_the_name_before_anything_is_sent",
        "faults/test_abused_names.py::test_a_state_key_that_none_can_be_is_refused",
    ],
    "names: partition number out of range": [
        "engines/test_kafka_publishing.py::test_a_partition_can_be_named",
    ],
    "scopes: unlisted and protected topics": [
        "unit/sidecar/publishing/test_topic_scopes.py::test_publishing",
        "faults/test_abused_names.py::test_a_topic_is_the_one_that_the_url_names",
    ],
    "replay: unauthenticated": [
        "unit/kit/deadletters/test_letters_router.py::test_whoever_is_not_let_in_sees_nothing",
        "unit/kit/deadletters/test_letters_router.py::test_a_router_for_everybody_is_refused",
    ],
    "replay: double click": [
        "unit/kit/deadletters/test_letters_router.py::test_a_replay_is_a_dry_run_unless_said",
        "unit/kit/deadletters/test_dead_letters.py::test_a_second_run_does_nothing_twice",
    ],
    "replay: a million at once": [
        "unit/kit/deadletters/test_letters_router.py::test_what_cannot_be_is_refused",
        "unit/kit/deadletters/test_dead_letters.py::test_progress_is_told_and_a_limit_kept",
    ],
    "replay: retired topic": [
        "unit/kit/deadletters/test_dead_letters.py::test_what_the_sidecar_refuses_waits_and_says_why",
        "unit/kit/deadletters/test_dead_letters.py::test_who_it_is_for_is_asked_where_nobody_knows",
    ],
    "secrets: in tracebacks": [
        "unit/kit/outbox/test_outbox_secrets.py::test_no_password_is_in_what_is_raised",
        "unit/kit/test_sensitive_in_logs.py::test_what_a_handler_raises_is_told_without_what_is_sensitive",
    ],
    "secrets: in last_error": [
        "unit/kit/outbox/test_outbox_limits.py::test_what_is_kept_of_a_refusal_is_redacted",
    ],
    "secrets: in the repr of settings": [
        "unit/kit/test_kit_settings.py::test_tokens_are_not_shown",
        "unit/resources/test_load_resources.py::test_no_value_shows_in_the_repr",
    ],
    "secrets: in metric labels": ["integration/test_prometheus.py::test_no_label_says_what_is_in_an_event"],
}
"""What is abused → the tests of it, by file and name in this folder."""


@cache
def names_in(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


@pytest.mark.parametrize("abuse", TABLE)
def test_each_abuse_has_tests_that_are_there(abuse: str) -> None:
    assert TABLE[abuse]
    for test in TABLE[abuse]:
        name, _, function = test.partition("::")
        assert function in names_in(TESTS / name), test
