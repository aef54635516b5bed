"""Whether a sidecar loads what is changed, by its log and its version; and what is left to be done."""

from __future__ import annotations

import pytest

from outboard.doctor.checks.hot_reload import loading, reloads
from outboard.doctor.cluster_evidence import ClusterSeen, ContainerSeen, LogSeen, PodSeen

ON, OFF = "Enabled features: HotReload", "Enabled features: "


def pod(name: str, image: str) -> PodSeen:
    annotations = (("dapr.io/enabled", "true"),)
    return PodSeen(
        name,
        "todo",
        "Running",
        True,
        None,
        annotations=annotations,
        containers=(ContainerSeen("daprd", image),),
    )


def seen(*pods: tuple[str, str]) -> ClusterSeen:
    """Pods by the image and a line of the log of their sidecars; without a line there is no log."""
    named = [(f"pod-{number}", image, line) for number, (image, line) in enumerate(pods)]
    return ClusterSeen(
        "todo",
        pods=tuple(pod(name, image) for name, image, _ in named),
        logs=tuple(LogSeen(name, "daprd", ("Starting Dapr", line)) for name, _, line in named if line),
    )


@pytest.mark.parametrize(
    ("image", "line", "expected"),
    [
        ("daprio/daprd:1.18.1", "", True),
        ("registry:5000/dapr/daprd:v2.0.0", "", True),
        ("daprio/daprd:1.17.4", "", False),
        ("daprio/daprd:1.9.0-mariner", "", False),
        ("registry:5000/daprd", "", None),
        ("daprio/daprd:edge", "", None),
        ("daprio/daprd:1.14.0", ON, True),
        ("daprio/daprd:1.14.0", "Hot reloading enabled. Daprd will reload", True),
        ("daprio/daprd:1.18.1", OFF, False),
        ("daprio/daprd:1.17.4", "dapr initialized. Status: Running.", False),
        ("daprio/daprd:edge", ON, True),
    ],
)
def test_the_log_tells_and_else_the_version(image: str, line: str, expected: bool | None) -> None:
    there = seen((image, line))
    assert there.pods is not None
    assert reloads(there, there.pods[0]) is expected


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (
            ("daprd:1.18.1", "daprd:1.19.0"),
            ": sidecars load it at once, and one that has ended is started again",
        ),
        (("daprd:1.17.4", "daprd:1.16.0"), ", and restart the pods"),
        (("daprd:1.17.4", "daprd:1.18.1"), ", and restart the pods, unless they run Dapr 1.18 or later"),
        (("daprd:edge",), ", and restart the pods, unless they run Dapr 1.18 or later"),
        ((), ", and restart the pods, unless they run Dapr 1.18 or later"),
    ],
)
def test_a_fix_says_what_becomes_of_it_in_the_sidecars(images: tuple[str, ...], expected: str) -> None:
    told = loading(seen(*((image, "") for image in images)))
    assert told.startswith(expected)
    assert ("unless" in told) == ("unless" in expected)
