"""The commands of kubectl that show a person the same, in bash and in PowerShell. Pure."""

from __future__ import annotations

from typing import Final

from outboard.doctor.cluster_evidence import BrokerPod, ClusterSeen, PodSeen
from outboard.doctor.commands import same
from outboard.doctor.results import ManualCommand

__all__ = ["consumed", "forwarded", "kubectl", "logs", "reset_behind"]

ALL_LINES: Final = -1
"""By a label kubectl shows ten lines, unless it is told how many."""
DEFAULT_TOOL: Final = "kafka-console-consumer"
TOOLS: Final = (
    ("apache/kafka", "/opt/kafka/bin/kafka-console-consumer.sh"),
    ("strimzi", "/opt/kafka/bin/kafka-console-consumer.sh"),
    ("wurstmeister/kafka", "/opt/kafka/bin/kafka-console-consumer.sh"),
    ("bitnami", "kafka-console-consumer.sh"),
)
"""A part of the name of an image, and where it has the console consumer. Confluent's have it in the PATH,
without the ending."""


PATIENCE_MS: Final = 10_000
"""Without it the console consumer waits for ever for the events that are not there yet."""


def kubectl(seen: ClusterSeen, arguments: str) -> ManualCommand:
    """`kubectl` with these arguments, to the cluster that was looked at."""
    return same(" ".join(filter(None, ("kubectl", seen.context, arguments))))


def logs(
    seen: ClusterSeen,
    pod: PodSeen,
    container: str,
    text: str = "",
    *,
    tail: int = ALL_LINES,
    previous: bool = False,
) -> ManualCommand:
    """What a container says, and of it the lines with `text`; by the label `app` where the pod has one."""
    whose = f"-l app={pod.label('app')}" if pod.label("app") and not previous else pod.name
    options = "" if previous else f" --tail={tail}"
    options += " --previous" if previous else ""
    command = kubectl(seen, f"logs {whose} -n {pod.namespace} -c {container}{options}")
    if not text:
        return command
    return ManualCommand(f'{command.bash} | grep "{text}"', f'{command.powershell} | Select-String "{text}"')


def forwarded(
    seen: ClusterSeen,
    pod: str,
    port: int,
    path: str,
    *,
    header: tuple[str, str] | None = None,
    method: str = "GET",
) -> ManualCommand:
    """A request to a port of a pod, through a port of this machine. `header` is a name, and the variable of
    the environment that holds its value.
    """
    forward = kubectl(seen, f"port-forward -n {seen.namespace} pod/{pod} {port}:{port}").bash
    url = f"http://localhost:{port}{path}"
    curl = "curl -si" + (f" -X {method}" if method != "GET" else "")
    curl += f' -H "{header[0]}: ${header[1]}"' if header else ""
    invoke = f"Invoke-WebRequest {url}" + (f" -Method {method.title()}" if method != "GET" else "")
    invoke += f' -Headers @{{"{header[0]}"=$env:{header[1]}}}' if header else ""
    return ManualCommand(
        f"{forward} & sleep 2; {curl} {url}; kill %%",
        f'$forward = Start-Process -PassThru -NoNewWindow kubectl "{forward.removeprefix("kubectl ")}"; '
        f"Start-Sleep 2; {invoke}; Stop-Process $forward",
    )


def consumed(seen: ClusterSeen, broker: BrokerPod, topic: str) -> ManualCommand:
    """The first events of a topic, by the tool of the broker, in its pod."""
    container = f" -c {broker.container}" if broker.container else ""
    return kubectl(seen, f"exec -n {broker.namespace} {broker.name}{container} -- {_tool(broker, topic)}")


def reset_behind(broker: BrokerPod, group: str, partition: str, offset: int) -> str:
    """Arguments of kubectl that set a consumer group, of which nobody may be there, to an offset of a
    partition, written `topic:number`.
    """
    container = f" -c {broker.container}" if broker.container else ""
    tool = _tool_of(broker).replace("kafka-console-consumer", "kafka-consumer-groups")
    return (
        f"exec -n {broker.namespace} {broker.name}{container} -- {tool} --bootstrap-server "
        f"localhost:{broker.port} --group {group} --topic {partition} --reset-offsets --to-offset {offset} "
        "--execute"
    )


def _tool_of(broker: BrokerPod) -> str:
    image = broker.image.rpartition(":")[0] or broker.image
    return next((path for part, path in TOOLS if part in image), DEFAULT_TOOL)


def _tool(broker: BrokerPod, topic: str) -> str:
    image = broker.image.rpartition(":")[0] or broker.image
    if broker.kind == "pubsub.redis":
        return f"redis-cli XRANGE {topic} - + COUNT 5"
    if "redpanda" in image:
        return f"rpk topic consume {topic} --offset start --num 5"
    port = f"--bootstrap-server localhost:{broker.port}"
    ends = f"--max-messages 5 --timeout-ms {PATIENCE_MS}"
    return f"{_tool_of(broker)} {port} --topic {topic} --from-beginning {ends}"
