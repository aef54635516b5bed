"""A Kafka broker of one node (KRaft), with the command-line tools that come with it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from engines.java import find_java
from engines.kafka.broker import blank, broker_command, settings, tool_command, write_settings
from support.processes import free_ports
from support.servers import Server, is_open

TOPIC_TOOL = "org.apache.kafka.tools.TopicCommand"
CONFIGURATION_TOOL = "kafka.admin.ConfigCommand"


class KafkaBroker(Server):
    """A broker on a free port of loopback; a topic is created at its first use, with one partition."""

    def __init__(self, home: Path, folder: Path, more: Mapping[str, str] | None = None) -> None:
        """`home` is where the engine is, `folder` an empty one; `more` are settings of server.properties.

        In `more` the text `{secured_port}` stands for `secured_port`, and listeners there come on top of the
        plain one, which remains: `{"listeners": "SECURED://127.0.0.1:{secured_port}", …}`.
        """
        port, controller_port, self.secured_port = free_ports(3)
        self._home = home
        self._java = find_java(os.environ)
        shutil.copytree(blank(home), folder / "data")
        wanted = {name: self._filled(value) for name, value in (more or {}).items()}
        file = folder / "server.properties"
        write_settings(file, settings(port, controller_port, folder / "data", wanted))
        super().__init__("Kafka", broker_command(self._java, home, file), port, folder, is_open)

    @property
    def secured_address(self) -> str:
        """`127.0.0.1:PORT` of the listener that the settings add, if they do."""
        return f"{self.host}:{self.secured_port}"

    def create_topic(self, topic: str, partitions: int = 1, **configuration: str) -> None:
        """Create a topic; dots in the names of `configuration` are written as underscores. Takes a second."""
        settings = [f"--config={name.replace('_', '.')}={value}" for name, value in configuration.items()]
        self.tool(TOPIC_TOOL, "--create", "--topic", topic, "--partitions", str(partitions), *settings)

    def add_scram_user(self, name: str, password: str, mechanism: str = "SCRAM-SHA-512") -> None:
        """Let `name` in with `password` by SCRAM."""
        entity = ["--alter", "--entity-type", "users", "--entity-name", name]
        self.tool(CONFIGURATION_TOOL, *entity, "--add-config", f"{mechanism}=[password={password}]")

    def tool(self, main: str, *arguments: str) -> str:
        """What Kafka's tool of the Java class `main` prints about this broker."""
        command = tool_command(self._java, self._home, main, ["--bootstrap-server", self.address, *arguments])
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", stdin=subprocess.DEVNULL, check=False
        )
        assert done.returncode == 0, f"{main} failed:\n{done.stdout}{done.stderr}"
        return done.stdout

    def _filled(self, value: str) -> str:
        return value.replace("{secured_port}", str(self.secured_port))
