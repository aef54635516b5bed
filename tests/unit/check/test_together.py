"""What is judged together: apps, and what is written about them elsewhere."""

from __future__ import annotations

import pytest

from outboard.check.main import check_files
from outboard.check.reading import source_file

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: orders
  annotations:
    dapr.io/enabled: "true"
    dapr.io/app-id: {app}
    dapr.io/app-port: "8000"
"""
RESILIENCY = """\
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata:
  name: policies
spec:
  policies:
    timeouts:
      short: 1s
  targets:
    apps:
      {target}:
        timeout: short
"""
SCOPED = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: store
spec:
  type: state.in-memory
  version: v1
scopes: [{target}]
"""


def codes(*texts: str) -> set[str]:
    report = check_files([source_file("(standard input)", "---\n".join(texts), is_stream=True)])
    return {each.finding.rule.code for each in report.places}


@pytest.mark.parametrize(
    ("app", "target", "is_slip"),
    [
        ("order-processor", "order-procesor", True),
        ("order-processor", "orderprocessor", True),
        ("order-processor", "order-processor", False),
        ("order-processor", "checkout", False),
        ("shop-1", "shop-2", False),
        ("frontend-a", "frontend-b", False),
        ("pubsub-subscriber", "pubsub-subscriber-grpc", False),
    ],
)
def test_a_name_that_is_a_slip_of_an_app_and_one_that_is_another(
    app: str, target: str, is_slip: bool
) -> None:
    found = codes(POD.format(app=app), RESILIENCY.format(target=target))
    assert ("OB305" in found) is is_slip
    assert ("OB706" in codes(POD.format(app=app), SCOPED.format(target=target))) is is_slip
