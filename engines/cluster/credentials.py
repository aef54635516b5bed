"""The keys of a cluster: one authority, certificates for the API server, a token for each of its callers."""

from __future__ import annotations

import base64
import secrets
import subprocess
from pathlib import Path

from engines.cluster.layout import API_PORT, API_SERVICE, DOMAIN, NODE_ADDRESS, USERS, Run
from engines.cluster.settings import kubeconfig

DAYS = "30"
KUBERNETES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    f"kubernetes.default.svc.{DOMAIN}",
)
NAMES = ",".join(
    [
        *(f"DNS:{name}" for name in (*KUBERNETES, f"kubernetes.default.svc.{DOMAIN}", "localhost")),
        *(f"IP:{address}" for address in ("127.0.0.1", API_SERVICE, NODE_ADDRESS)),
    ]
)
"""What the API server is called, from inside and from this machine."""


def make(run: Run, port: int) -> None:
    """Make all keys, and the kubeconfigs of the parts and of an administrator on this machine, for `port`."""
    keys = run.keys
    keys.mkdir(mode=0o700)
    authority = "/CN=outboard-cluster"
    _elliptic(keys / "ca.key")
    usage = "keyUsage=critical,keyCertSign,cRLSign"
    _openssl(keys, "req -x509 -new -key ca.key -out ca.crt -days", DAYS, "-subj", authority, "-addext", usage)
    _certificate(keys, "apiserver", "/CN=kube-apiserver", f"subjectAltName={NAMES}")
    _certificate(keys, "to-kubelet", "/O=system:masters/CN=kube-apiserver", "extendedKeyUsage=clientAuth")
    _openssl(keys, "genrsa -out accounts.key 2048")
    _tokens(run, port)


def _tokens(run: Run, port: int) -> None:
    """Write the list of tokens and a kubeconfig with each."""
    certificate = base64.b64encode((run.keys / "ca.crt").read_bytes()).decode()
    inside, outside = f"https://{NODE_ADDRESS}:{API_PORT}", f"https://127.0.0.1:{port}"
    lines = []
    for name, (user, group) in USERS.items():
        token = secrets.token_hex(16)
        lines.append(f'{token},{user},{user},"{group}"\n')
        _write_private(run.kubeconfig_of(name), kubeconfig(inside, certificate, token))
        if name == "admin":
            _write_private(run.kubeconfig, kubeconfig(outside, certificate, token))
    _write_private(run.keys / "tokens.csv", "".join(lines))


def _elliptic(file: Path) -> None:
    _openssl(file.parent, f"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {file.name}")


def _certificate(keys: Path, name: str, subject: str, extension: str) -> None:
    """A key and a certificate that the authority signs."""
    _elliptic(keys / f"{name}.key")
    _openssl(keys, f"req -new -key {name}.key -out {name}.csr -subj", subject)
    (keys / f"{name}.ext").write_text(f"{extension}\n", encoding="utf-8")
    signed = f"x509 -req -in {name}.csr -out {name}.crt -extfile {name}.ext -days {DAYS}"
    _openssl(keys, f"{signed} -CA ca.crt -CAkey ca.key -CAcreateserial")


def _openssl(folder: Path, words: str, *more: str) -> None:
    """Run openssl, whose files are in `folder`."""
    subprocess.run(["openssl", *words.split(), *more], cwd=folder, check=True, capture_output=True)


def _write_private(file: Path, content: str) -> None:
    file.touch(mode=0o600)
    file.write_text(content, encoding="utf-8")
