"""What the real daprd says of the mistakes that `outboard check` finds, rule by rule, or why it says nothing.

tests/engines loads the case of each rule in the first tables into daprd and looks for the words; the pages of
the rules show them.
"""

from __future__ import annotations

__all__ = ["CALLED", "ENDED", "LOADED", "NOT_LOADED", "UNSAID", "said"]

LOADED = {
    "OB001": "error converting YAML to JSON: yaml: line 4: did not find expected key",
    "OB003": "error converting YAML to JSON: yaml: line 5: did not find expected node content",
    "OB005": "error converting YAML to JSON: yaml: document contains excessive aliasing",
    "OB018": "json: cannot unmarshal object into Go struct field ComponentSpec.spec.metadata",
    "OB101": "kafka error: 'authType' attribute was missing or empty",
    "OB102": "couldn't find state store state.rediss/v1",
    "OB103": "couldn't find state store state.redis/v2",
    "OB108": "kafka error: missing 'brokers' attribute",
    "OB111": "error decoding 'enableTLS': invalid bool \\\"ture\\\"",
    "OB112": "kafka error: invalid initialOffset: oldes",
    "OB113": "input key/keyPrefix 'shop||' can't contain '||'",
    "OB120": "kafka error: missing SASL Password for authType 'password'",
    "OB130": "dial tcp: address kafka://kafka-broker:9092: too many colons in address",
    "OB301": "error decoding 'duration': invalid duration \\\"1 second\\\"",
    "OB709": "references a secret store that isn't loaded: locl-env",
}
"""What daprd logs where the rule fires; with `ignoreErrors` it goes on to the next file."""
ENDED = {
    "OB015": "incorrect type",
    "OB204": "ERROR: <input>:1:12: Syntax error: token recognition error",
    "OB503": "argument value 3500 conflicts with 'app-port'",
    "OB606": "argument value 3500 conflicts with 'app-port'",
    "OB613": "(secretstores.kubernetes/v1): stat",
    "OB702": "duplicate definition of Component name",
}
"""What it ends with, whatever `ignoreErrors` says."""
CALLED = {
    "OB205": "error finding matching route for event",
    "OB614": "invalid api token",
    "OB703": "topic orders-dead is not allowed for app id shop",
    "OB704": "subscription to topic 'orders' on pubsub 'kafka-pubsub' is not allowed",
    "OB803": "topic orders is not allowed for app id shop",
    "OB804": "topic orders-dead is not allowed for app id shop",
    "OB812": "non-retriable error returned from app while processing pub/sub event",
}
"""What it logs, or answers, once an app is there and an event is published."""
NOT_LOADED = ("OB008", "OB010", "OB011", "OB013", "OB306", "OB507", "OB701")
"""What it passes over without a word: that it does not load it is what is looked for."""

SILENT = "daprd says nothing, and goes on as told above"
ADVICE = "daprd does what the file says, and the rule is advice"
OTHERS = "daprd says nothing, because it cannot see the other files, or takes both"
INJECTOR = "the injector and Kubernetes judge it, before there is a daprd"
RUN_FILE = "daprd reads no run file"
CODE = "daprd does not see the code"
SERVER = "it shows only with the real server, and in a certain state of it"
UNSAID = {
    **dict.fromkeys(
        ("OB002", "OB012", "OB104", "OB105", "OB106", "OB107", "OB109", "OB110", "OB122"), SILENT
    ),
    **dict.fromkeys(("OB144", "OB147", "OB201", "OB202", "OB203", "OB302", "OB303"), SILENT),
    **dict.fromkeys(("OB402", "OB403", "OB404", "OB410", "OB705"), SILENT),
    **dict.fromkeys(("OB006", "OB017", "OB114", "OB121", "OB132", "OB133", "OB134"), ADVICE),
    **dict.fromkeys(("OB140", "OB141", "OB145", "OB146", "OB206", "OB207", "OB209", "OB210"), ADVICE),
    **dict.fromkeys(("OB304", "OB506"), ADVICE),
    "OB016": "it depends on what the file uses, and on the version that runs",
    **dict.fromkeys(("OB004", "OB007"), "the rule is about the check itself"),
    **dict.fromkeys(("OB142", "OB305", "OB706", "OB707", "OB708"), OTHERS),
    **dict.fromkeys(("OB131", "OB143", "OB208", "OB307", "OB615"), SERVER),
    **dict.fromkeys(("OB501", "OB502", "OB504", "OB505"), RUN_FILE),
    **dict.fromkeys(("OB014", "OB401", "OB601", "OB602", "OB603", "OB604", "OB605", "OB607"), INJECTOR),
    **dict.fromkeys(("OB608", "OB609", "OB610", "OB611", "OB612", "OB710", "OB711"), INJECTOR),
    **dict.fromkeys(("OB801", "OB802", "OB805", "OB806", "OB807", "OB808", "OB809", "OB810", "OB811"), CODE),
}
"""Why no word of daprd's is recorded."""


def said(code: str) -> str:
    """What daprd says where the rule `code` fires, or why it says nothing, as a phrase of its page."""
    for table, how in ((LOADED, "logged"), (ENDED, "logged as it ends"), (CALLED, "logged, or answered")):
        if code in table:
            return f"`{table[code]}` ({how})"
    if code in NOT_LOADED:
        return "none: daprd does not load the resource"
    return f"none is recorded: {UNSAID[code]}"
