"""How long a person waits: `import outboard`, the sidecar ready, `outboard run` to the first handled event.

python benchmarks/startup.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from measuring import HERE, ask, free_port, process, wait_until

RUN_FILE = """\
version: 1
common:
  resourcesPath: {components}
apps:
  - appID: bench
    appDirPath: {services}
    appPort: {app_port}
    daprHTTPPort: {dapr_port}
    env: {{HANDLER: single, PYTHONPATH: {services}}}
    command: ["python", "-m", "uvicorn", "consumer:app", "--port", "{app_port}", "--log-level", "warning"]
"""


def importing() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import outboard"], check=True)
    whole = time.perf_counter() - start
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return whole - (time.perf_counter() - start)


def sidecar_ready() -> float:
    """From the start of the process to the first 204 of `/v1.0/healthz`, without an app."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "outboard",
        "sidecar",
        "--app-id",
        "bench",
        "--dapr-http-port",
        str(port),
    ]
    command += ["--dapr-grpc-port", str(free_port()), "--resources-path", str(HERE / "components" / "memory")]
    start = time.perf_counter()
    with process(command, dict(os.environ)):
        wait_until("the sidecar", lambda: ask(f"http://127.0.0.1:{port}/v1.0/healthz")[0] == 204)
        return time.perf_counter() - start


def first_event() -> float:
    """From `outboard run` to the first event in the handler: a publish is tried until one arrives."""
    app_port, dapr_port = free_port(), free_port()
    text = RUN_FILE.format(
        components=HERE / "components" / "memory",
        services=HERE / "services",
        app_port=app_port,
        dapr_port=dapr_port,
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "dapr.yaml")
        file.write_text(text, encoding="utf-8")
        start = time.perf_counter()
        with process([sys.executable, "-m", "outboard", "run", "-f", str(file)], dict(os.environ)):
            wait_until("the sidecar", lambda: ask(f"http://127.0.0.1:{dapr_port}/v1.0/healthz")[0] == 204)
            publish(dapr_port)
            report = f"http://127.0.0.1:{app_port}/report?expected=1"
            wait_until("the handler", lambda: b'"p50"' in ask(report)[1])
            return time.perf_counter() - start


def publish(port: int) -> None:
    url = f"http://127.0.0.1:{port}/v1.0/publish/kafka-pubsub/bench"
    body = b'{"sent": %d, "text": ""}' % (time.time_ns() // 1000)
    headers = {"content-type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10).close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    rounds: int = parser.parse_args().rounds
    print(
        f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}; {rounds} rounds"
    )
    measures = {
        "import outboard": importing,
        "sidecar ready": sidecar_ready,
        "run to first event": first_event,
    }
    for name, measured in measures.items():
        seconds = [measured() for _ in range(rounds)]
        print(f"{name:20} median {statistics.median(seconds):.3f} s, largest {max(seconds):.3f} s")


if __name__ == "__main__":
    main()
