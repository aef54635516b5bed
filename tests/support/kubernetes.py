"""A real Kubernetes API server, with Dapr's custom resource definitions and a node that serves logs.

Real are the API with its validation, custom resources, RBAC, watch, and the way to logs. Nothing runs: no
controller makes pods of a Deployment, no operator and no injector is there, a deleted namespace stays
Terminating, and the status of a pod is what a test writes into it.
"""

from __future__ import annotations

import json
import secrets
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from engines.kubernetes.build import definitions, program
from support.certificates import private_pem
from support.kubelet import FakeKubelet, Logs, running_kubelet
from support.processes import eventually, free_ports
from support.servers import START_LIMIT, Server

NODE = "node-1"
PLURALS = {"Resiliency": "resiliencies"}
"""Of kinds whose plural is not their name and an `s`."""
Object: TypeAlias = Mapping[str, Any]


class ApiServer(Server):
    """The API server with its etcd, on a free port of loopback; `kubeconfig` lets an administrator in."""

    def __init__(self, home: Path, folder: Path) -> None:
        port = free_ports(1)[0]
        self._pki = folder / "pki"
        self._pki.mkdir()
        self._token = secrets.token_hex(16)
        (self._pki / "tokens.csv").write_text(
            f'{self._token},admin,admin-uid,"system:masters"\n', encoding="utf-8"
        )
        account_key = self._pki / "accounts.key"
        account_key.write_bytes(private_pem(ec.generate_private_key(ec.SECP256R1())))
        self.kubeconfig = folder / "kubeconfig"
        self._write_kubeconfig(port)
        flags = _flags(port, self._pki, account_key)
        command = [str(program(home)), "serve", f"--data-dir={folder}", *flags]
        super().__init__("Kubernetes", command, port, folder, self._is_ready)

    def call(
        self, method: str, path: str, body: Object | None = None, kind: str = "json", **query: str
    ) -> Any:
        """What the API answers to its administrator; it must be a success. `kind` is the content type's."""
        headers = {"Content-Type": f"application/{kind}"} if body is not None else {}
        content = None if body is None else json.dumps(body)
        answer = self._client.request(method, path, content=content, headers=headers, params=query)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer.json()

    def stop(self) -> None:
        """End it, if it runs."""
        if "_client" in vars(self):
            self._client.close()
            del self._client
        super().stop()

    @cached_property
    def _client(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"https://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {self._token}"},
            verify=ssl.create_default_context(cafile=self._authority),
            trust_env=False,
            timeout=START_LIMIT,
        )

    @property
    def _authority(self) -> Path:
        """The server's own certificate, which it makes at its first start."""
        return self._pki / "apiserver.crt"

    def _is_ready(self, port: int) -> bool:
        if not self._authority.is_file():
            return False
        try:
            trust = ssl.create_default_context(cafile=self._authority)
            headers = {"Authorization": f"Bearer {self._token}"}
            url = f"https://127.0.0.1:{port}/readyz"
            return httpx.get(url, headers=headers, verify=trust, trust_env=False).status_code == 200
        except (
            httpx.TransportError,
            ssl.SSLError,
        ):  # not up yet, or in the middle of writing its certificate
            return False

    def _write_kubeconfig(self, port: int) -> None:
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "test",
                    "cluster": {
                        "server": f"https://127.0.0.1:{port}",
                        "certificate-authority": str(self._authority),
                    },
                }
            ],
            "users": [{"name": "admin", "user": {"token": self._token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "current-context": "test",
        }
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(yaml.safe_dump(content), encoding="utf-8")


def _flags(port: int, pki: Path, account_key: Path) -> list[str]:
    return [
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={pki}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={account_key}",
        f"--service-account-signing-key-file={account_key}",
        f"--token-auth-file={pki / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--endpoint-reconciler-type=none",
        "--disable-admission-plugins=ServiceAccount",  # no controller makes the accounts it asks for
        "--kubelet-preferred-address-types=InternalIP",
        "--profiling=false",
    ]


@dataclass(frozen=True)
class Cluster:
    """The API server, the program that is its kubectl too, and the logs of its one node."""

    api: ApiServer
    home: Path
    kubelet: FakeKubelet

    @property
    def kubeconfig(self) -> Path:
        """The file for KUBECONFIG and `--kubeconfig`."""
        return self.api.kubeconfig

    @property
    def logs(self) -> Logs:
        """What the containers say; `kubectl logs` shows it for pods that exist (`add_pod`)."""
        return self.kubelet.logs

    def kubectl(self, *arguments: str, given: str = "") -> str:
        """What `kubectl` prints with these arguments, `given` on its standard input; it must succeed."""
        done = self.try_kubectl(*arguments, given=given)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}:\n{done.stderr}"
        return done.stdout

    def try_kubectl(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """`kubectl` with these arguments, to its end, whether it succeeds or not."""
        options = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.api.folder / 'cache'}"]
        command = [str(program(self.home)), "kubectl", *options, *arguments]
        return subprocess.run(command, input=given, capture_output=True, encoding="utf-8", check=False)

    def apply(self, *files: Path) -> str:
        """Apply files or folders of manifests. The server validates them: what is misspelled is refused."""
        named = [part for file in files for part in ("-f", str(file))]
        return self.kubectl("apply", "--server-side", "--validate=strict", *named)

    def get(self, *arguments: str) -> dict[str, Any]:
        """What `kubectl get … -o json` answers."""
        answer: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return answer

    def add_namespace(self) -> str:
        """A fresh namespace, by a name that no other one has."""
        name = f"test-{secrets.token_hex(6)}"
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name

    def create(self, *objects: Object) -> None:
        """Objects as a manifest has them; what is misspelled is refused."""
        for each in objects:
            self.api.call("POST", _path(each), each, fieldValidation="Strict")

    def delete_all(self, version: str, plural: str, namespace: str) -> None:
        """All objects of a kind in a namespace."""
        self.api.call("DELETE", f"/apis/{version}/namespaces/{namespace}/{plural}")

    def add_pod(
        self,
        namespace: str,
        name: str,
        containers: Sequence[str],
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """A pod on the node, running and ready, with a log for each of its containers."""
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": dict(labels or {}),
                "annotations": dict(annotations or {}),
            },
            "spec": {
                "nodeName": NODE,
                "automountServiceAccountToken": False,
                "containers": [{"name": each, "image": "example.invalid/image:1"} for each in containers],
            },
        }
        self.create(pod)
        self._run(namespace, name, containers)

    def _run(self, namespace: str, name: str, containers: Sequence[str]) -> None:
        """All is well with the pod, by its status."""
        ready = [{"type": kind, "status": "True"} for kind in ("Initialized", "ContainersReady", "Ready")]
        self.set_status(
            "pod",
            name,
            {
                "phase": "Running",
                "conditions": ready,
                "containerStatuses": [_running(container) for container in containers],
            },
            namespace,
        )
        for container in containers:
            self.logs.write(namespace, name, container)

    def add_pod_of(self, workload: Object, name: str, *, sidecar: str = "") -> None:
        """The pod that the controller of a Deployment or StatefulSet makes, running and ready; `sidecar` is
        the image of daprd, which the injector adds.
        """
        template = workload["spec"]["template"]
        labels = template["metadata"]["labels"]
        spec = dict(template["spec"])
        spec["nodeName"] = NODE
        if sidecar:
            spec["containers"] = [*spec["containers"], {"name": "daprd", "image": sidecar}]
        claims = [each["metadata"]["name"] for each in workload["spec"].get("volumeClaimTemplates", ())]
        spec["volumes"] = [
            *spec.get("volumes", ()),
            *({"name": each, "persistentVolumeClaim": {"claimName": f"{each}-{name}"}} for each in claims),
        ]
        namespace = workload["metadata"]["namespace"]
        metadata = {
            "name": name,
            "namespace": namespace,
            "labels": labels,
            "annotations": template["metadata"].get("annotations", {}),
        }
        self.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        self._run(namespace, name, [each["name"] for each in spec["containers"]])

    def add_endpoint(self, service: str, namespace: str, pod: str) -> None:
        """That the pod is ready behind the Service, as its controller has it."""
        self.create(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": f"{service}-{pod}",
                    "namespace": namespace,
                    "labels": {"kubernetes.io/service-name": service},
                },
                "addressType": "IPv4",
                "endpoints": [
                    {
                        "addresses": ["10.1.2.3"],
                        "conditions": {"ready": True},
                        "targetRef": {"kind": "Pod", "name": pod, "namespace": namespace},
                    }
                ],
            }
        )

    def set_status(self, kind: str, name: str, status: Mapping[str, object], namespace: str = "") -> None:
        """Merge `status` into that of a resource, as its controller would."""
        place = f"/api/v1/namespaces/{namespace}/{kind}s" if namespace else f"/api/v1/{kind}s"
        self.api.call("PATCH", f"{place}/{name}/status", {"status": status}, kind="merge-patch+json")


def restricted(
    cluster: Cluster, namespace: str, folder: Path, *rules: dict[str, list[str]], name: str = "reader"
) -> Path:
    """The kubeconfig of a ServiceAccount `name` that may do what `rules` say, and no more."""
    cluster.kubectl("create", "serviceaccount", name, "-n", namespace)
    metadata = {"name": name, "namespace": namespace}
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata,
        "rules": rules,
    }
    cluster.kubectl("create", "-f", "-", given=json.dumps(role))
    account = f"--serviceaccount={namespace}:{name}"
    cluster.kubectl("create", "rolebinding", name, "-n", namespace, f"--role={name}", account)
    content = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    content["users"][0]["user"] = {"token": cluster.kubectl("create", "token", name, "-n", namespace).strip()}
    file = folder / f"{name}.kubeconfig"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def _path(made: Object) -> str:
    """Where objects of its kind are made."""
    version, kind, metadata = made["apiVersion"], made["kind"], made["metadata"]
    base = f"/apis/{version}" if "/" in version else f"/api/{version}"
    plural = PLURALS.get(kind, f"{kind.lower()}s")
    namespace = metadata.get("namespace")
    return f"{base}/namespaces/{namespace}/{plural}" if namespace else f"{base}/{plural}"


def _running(container: str) -> dict[str, object]:
    started = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    fixed = {"image": "example.invalid/image:1", "imageID": "", "restartCount": 0}
    return {"name": container, "ready": True, "started": True, "state": started, **fixed}


@contextmanager
def running_cluster(home: Path, folder: Path) -> Iterator[Cluster]:
    """A cluster with Dapr's definitions and one node, its data in `folder`; stopped at the end."""
    api = ApiServer(home, folder)
    with running_kubelet(folder) as kubelet:
        try:
            api.start()
            cluster = Cluster(api, home, kubelet)
            _install_definitions(cluster)
            _add_node(cluster)
            yield cluster
        finally:
            api.stop()


def _install_definitions(cluster: Cluster) -> None:
    cluster.apply(definitions(cluster.home))
    wanted = ["crd", "--all", "--for=condition=Established", "--timeout=60s"]
    cluster.kubectl("wait", *wanted)
    eventually(
        lambda: "components" in cluster.kubectl("api-resources", "--api-group=dapr.io", "-o", "name"),
        lambda: "Dapr's resources are not served",
    )


def _add_node(cluster: Cluster) -> None:
    cluster.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
    cluster.set_status(
        "node",
        NODE,
        {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": cluster.kubelet.port}},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        },
    )
