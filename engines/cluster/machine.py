"""What a machine must have, to run pods in namespaces of its own."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path

TOOLS: Mapping[str, str] = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/usr/lib/cni/host-local": "containernetworking-plugins",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "ethtool": "ethtool",
    "sysctl": "procps",
    "openssl": "openssl",
    "mmdebstrap": "mmdebstrap",
    "buildah": "buildah",
}
"""What the cluster and its build call: command → the Debian package that has it."""
HIERARCHIES = ("cpu", "cpuset", "devices", "freezer", "memory", "pids")
CGROUPS = Path("/sys/fs/cgroup")
PROBES: Mapping[str, str] = {
    "namespaces": "true",
    "veth": "ip link add probe0 type veth peer name probe1",
    "bridge": "ip link add probe0 type bridge",
    "br_netfilter": "test -e /proc/sys/net/bridge/bridge-nf-call-iptables",
    "nat": "iptables -t nat -A OUTPUT -p tcp --dport 9 -j DNAT --to :9",
    "overlay": "mount -t tmpfs tmpfs /mnt && cd /mnt && mkdir lower upper work merged && "
    "mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged",
}
"""What the kernel must be able to do: its name → what does it, in namespaces that end with it."""


def what_is_missing(system: str = "", machine: str = "", uid: int | None = None) -> str:
    """The first thing that keeps this machine from running the cluster, in one line; empty if it can.

    The arguments are for tests; without them this machine is asked.
    """
    system, machine = system or platform.system(), machine or platform.machine()
    if system != "Linux":
        return (
            f"pods run on Linux only, and this is {system}. A virtual machine with Linux can run the cluster."
        )
    if machine != "x86_64":
        return f"its images are made for x86_64 only, and this is {machine}"
    if (os.geteuid() if uid is None else uid) != 0:
        return "it needs root, for namespaces, mounts and control groups: sudo, or a privileged container"
    if wrong := _what_control_groups_lack():
        return wrong
    lacking = [name for name, script in PROBES.items() if not _can(script)]
    if lacking:
        return f"the kernel, or the container that this is, does not allow: {', '.join(lacking)}"
    return ""


def _what_control_groups_lack() -> str:
    """What is wrong with the control groups, in one line; empty if nothing is."""
    lacking = [each for each in HIERARCHIES if not (CGROUPS / each).is_dir()]
    if not lacking:
        return ""
    if (CGROUPS / "cgroup.controllers").is_file():
        return (
            f"control groups are of version 2 here ({CGROUPS}/cgroup.controllers), and it is built for "
            "version 1: boot with the kernel option systemd.unified_cgroup_hierarchy=0 (systemd before "
            "258), or take a cluster of kind or k3d"
        )
    return f"it needs control groups of version 1, and {CGROUPS} lacks {', '.join(lacking)}"


def _can(script: str) -> bool:
    """Whether `script` succeeds in namespaces of its own."""
    alone = ["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--mount-proc"]
    return subprocess.run([*alone, "sh", "-c", script], capture_output=True, check=False).returncode == 0
