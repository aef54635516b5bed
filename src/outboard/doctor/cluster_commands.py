"""The commands of kubectl that show a person the same, in bash and in PowerShell. Pure."""

from __future__ import annotations

from outboard.doctor.cluster_evidence import ClusterSeen, PodSeen
from outboard.doctor.commands import same
from outboard.doctor.results import ManualCommand

__all__ = ["consumed", "kubectl", "logs"]


def kubectl(seen: ClusterSeen, arguments: str) -> ManualCommand:
    """`kubectl` with these arguments, to the cluster that was looked at."""
    return same(" ".join(filter(None, ("kubectl", seen.context, arguments))))


def logs(
    seen: ClusterSeen, pod: PodSeen, container: str, text: str = "", *, tail: int = 0, previous: bool = False
) -> ManualCommand:
    """What a container says, and of it the lines with `text`; by the label `app` where the pod has one."""
    whose = f"-l app={pod.label('app')}" if pod.label("app") and not previous else pod.name
    options = (f" --tail={tail}" if tail else "") + (" --previous" if previous else "")
    command = kubectl(seen, f"logs {whose} -n {pod.namespace} -c {container}{options}")
    if not text:
        return command
    return ManualCommand(f'{command.bash} | grep "{text}"', f'{command.powershell} | Select-String "{text}"')


def consumed(seen: ClusterSeen, namespace: str, broker: str, topic: str) -> ManualCommand:
    """The first events of a topic, by the tool of Kafka in the pod of a broker."""
    tool = "kafka-console-consumer --bootstrap-server localhost:9092"
    rest = f"--topic {topic} --from-beginning --max-messages 5"
    return kubectl(seen, f"exec -n {namespace} {broker}-0 -- {tool} {rest}")
