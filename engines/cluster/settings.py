"""What the parts of a cluster are told: their files of settings and command lines. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from engines.cluster.layout import (
    API_PORT,
    DOMAIN,
    NODE,
    NODE_ADDRESS,
    PODS,
    SERVICES,
    Run,
)

CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
"""In the namespaces, where /run is the cluster's own."""
ETCD = "http://127.0.0.1:2379"
ETCD_PEERS = "http://127.0.0.1:2380"


def containerd(run: Run, pause: str) -> str:
    """containerd's configuration, in TOML; `pause` is the image that holds a pod's namespaces.

    `restrict_oom_score_adj`: without CAP_SYS_RESOURCE a score may not be lowered, and runc then says no more
    than "can't get final child's PID from pipe: EOF".
    """
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "{run.folder / "containerd"}"
state = "/run/containerd"
[grpc]
  address = "{CONTAINERD_SOCKET}"
[{cri}]
  sandbox_image = "{pause}"
  tolerate_missing_hugetlb_controller = true
  disable_apparmor = true
  restrict_oom_score_adj = true
  [{cri}.cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{run.folder / "cni"}"
  [{cri}.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""


def pod_network(run: Run) -> str:
    """The network of the pods, for the CNI: a bridge, with the addresses of PODS."""
    ranges = [[{"subnet": PODS}]]
    addresses = {
        "type": "host-local",
        "dataDir": str(run.folder / "ipam"),
        "ranges": ranges,
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipam": addresses}
    return json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]})


def kubelet(run: Run, resolv_conf: Path) -> str:
    """The kubelet's configuration. It stays in the control groups of the run, never evicts a pod for what
    other programs of this machine take, and leaves the scores of the machine's OOM killer alone.
    """
    signals = ["memory.available"]
    signals += [f"{disk}.{what}" for disk in ("nodefs", "imagefs") for what in ("available", "inodesFree")]
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": NODE_ADDRESS,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(run.keys / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{run.cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "clusterDNS": [NODE_ADDRESS],
            "clusterDomain": DOMAIN,
            "resolvConf": str(resolv_conf),
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            "evictionHard": dict.fromkeys(signals, "0%"),
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "oomScoreAdj": 0,
            "syncFrequency": "10s",
        }
    )


def proxy(run: Run) -> str:
    """kube-proxy's configuration. The limits of connection tracking belong to the machine, so none is set."""
    return json.dumps(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clusterCIDR": PODS,
            "clientConnection": {"kubeconfig": str(run.kubeconfig_of("proxy"))},
            "hostnameOverride": NODE,
            "oomScoreAdj": 0,
            "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }
    )


def core_dns(run: Run) -> str:
    """CoreDNS's Corefile: the names of the cluster, and no others, since nothing leads out of it."""
    return f"""{DOMAIN}:53 in-addr.arpa:53 {{
  errors
  cache 5
  kubernetes {DOMAIN} in-addr.arpa {{
    kubeconfig {run.kubeconfig_of("dns")}
    ttl 5
  }}
}}
"""


def kubeconfig(server: str, authority: str, token: str) -> str:
    """A kubeconfig for who has `token`; `authority` is the certificate of the server's, in base64."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "cluster", "cluster": {"server": server, "certificate-authority-data": authority}}
            ],
            "users": [{"name": "user", "user": {"token": token}}],
            "contexts": [{"name": "outboard", "context": {"cluster": "cluster", "user": "user"}}],
            "current-context": "outboard",
        },
        indent=1,
    )


def volume(name: str, gibibytes: int, place: Path) -> dict[str, object]:
    """A volume on the node's disk, for a claim without a class. It is `local`, since with `hostPath` the
    kubelet pays no heed to fsGroup, and a pod that is not root could not write."""
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": f"{gibibytes}Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": str(place)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }


def control_plane(run: Run) -> Mapping[str, list[str]]:
    """The parts that need nothing of the node: log name → part and flags. They wait for each other."""
    keys = run.keys
    return {
        "etcd": [
            "etcd",
            f"--data-dir={run.folder / 'etcd'}",
            "--unsafe-no-fsync",  # what it keeps is thrown away with the cluster
            "--log-level=warn",
            f"--listen-client-urls={ETCD}",
            f"--advertise-client-urls={ETCD}",
            f"--listen-peer-urls={ETCD_PEERS}",
            f"--initial-advertise-peer-urls={ETCD_PEERS}",
            f"--initial-cluster=default={ETCD_PEERS}",
        ],
        "apiserver": [
            "kube-apiserver",
            f"--etcd-servers={ETCD}",
            "--bind-address=0.0.0.0",
            f"--advertise-address={NODE_ADDRESS}",
            f"--secure-port={API_PORT}",
            f"--tls-cert-file={keys / 'apiserver.crt'}",
            f"--tls-private-key-file={keys / 'apiserver.key'}",
            f"--client-ca-file={keys / 'ca.crt'}",
            f"--kubelet-client-certificate={keys / 'to-kubelet.crt'}",
            f"--kubelet-client-key={keys / 'to-kubelet.key'}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--service-account-issuer=https://kubernetes.default.svc.{DOMAIN}",
            f"--service-account-key-file={keys / 'accounts.key'}",
            f"--service-account-signing-key-file={keys / 'accounts.key'}",
            f"--token-auth-file={keys / 'tokens.csv'}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--service-cluster-ip-range={SERVICES}",
            "--profiling=false",
        ],
        "manager": [
            "kube-controller-manager",
            f"--kubeconfig={run.kubeconfig_of('manager')}",
            "--use-service-account-credentials",
            f"--root-ca-file={keys / 'ca.crt'}",
            f"--service-account-private-key-file={keys / 'accounts.key'}",
            "--leader-elect=false",
            "--allocate-node-cidrs=false",
            "--profiling=false",
        ],
        "scheduler": [
            "kube-scheduler",
            f"--kubeconfig={run.kubeconfig_of('scheduler')}",
            "--leader-elect=false",
            "--profiling=false",
        ],
    }


def node(run: Run, files: Path) -> Mapping[str, list[str]]:
    """The parts of the node, which need containerd and the API server; `files` has their configuration."""
    return {
        "kubelet": [
            "kubelet",
            f"--config={files / 'kubelet.json'}",
            f"--kubeconfig={run.kubeconfig_of('kubelet')}",
            f"--hostname-override={NODE}",
            f"--node-ip={NODE_ADDRESS}",
        ],
        "proxy": ["kube-proxy", f"--config={files / 'proxy.json'}"],
        "dns": ["coredns", "-conf", str(files / "Corefile")],
    }
