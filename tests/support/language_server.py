"""The real YAML language server that editors use, spoken to as an editor does: LSP over standard streams.

It is told of schemas by the settings that editors have for it (`yaml.schemas`), so that what a person's
editor would show is what a test sees.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

from engines.yaml_language_server.build import program

PATIENCE = 60.0
CURSOR = "█"
ERROR = 1
"""How LSP numbers what is wrong; the server also tells what it finds unusual."""


class LanguageServer:
    """One server, with one workspace folder, and settings as editors keep them (`yaml.schemas: …`)."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, settings: Mapping[str, Any]) -> None:
        self._process = process
        self._folder = folder
        self._settings = settings
        self._incoming: Queue[dict[str, Any] | None] = Queue()
        self._last_id = 0
        self._opened = 0
        self._told: dict[str, list[dict[str, Any]]] = {}
        Thread(target=self._read, daemon=True).start()

    def start(self) -> None:
        """Shake hands."""
        capabilities = {
            "workspace": {"configuration": True},
            "textDocument": {
                "completion": {"completionItem": {"documentationFormat": ["markdown"]}},
                "publishDiagnostics": {},
            },
        }
        root = self._folder.as_uri()
        self._ask(
            "initialize",
            {
                "processId": None,
                "rootUri": root,
                "workspaceFolders": [{"uri": root, "name": "test"}],
                "capabilities": capabilities,
            },
        )
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": None})

    def problems(self, name: str, text: str) -> list[str]:
        """What the server marks in a file `name` of this content: `line: message`, lines from 1."""
        address = self._open(name, text)
        marked = self._told[address]
        self._close(address)
        return [
            f"{each['range']['start']['line'] + 1}: {each['message']}"
            for each in marked
            if each["severity"] == ERROR
        ]

    def completions(self, name: str, text: str) -> list[str]:
        """What the server offers at the place of CURSOR in a file `name` of this content."""
        before, _, after = text.partition(CURSOR)
        address = self._open(name, before + after)
        position = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        answer = self._ask(
            "textDocument/completion", {"textDocument": {"uri": address}, "position": position}
        )
        self._close(address)
        return [each["label"] for each in answer["items"]]

    def hover(self, name: str, text: str) -> str:
        """What the server shows of the place of CURSOR."""
        before, _, after = text.partition(CURSOR)
        address = self._open(name, before + after)
        position = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        answer = self._ask("textDocument/hover", {"textDocument": {"uri": address}, "position": position})
        self._close(address)
        return "" if answer is None else answer["contents"]["value"]

    def stop(self) -> None:
        """Say goodbye."""
        self._ask("shutdown", None)
        self._tell("exit", None)
        self._process.wait(PATIENCE)

    def _open(self, name: str, text: str) -> str:
        self._opened += 1  # a folder of its own: the server tells later that a file it knew has no problems
        address = (self._folder / str(self._opened) / name).as_uri()
        document = {"uri": address, "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        while address not in self._told:  # only then has it read the schema
            self._take()
        return address

    def _close(self, address: str) -> None:
        self._tell("textDocument/didClose", {"textDocument": {"uri": address}})

    def _ask(self, method: str, params: object) -> Any:
        self._last_id += 1
        asked = self._last_id
        self._send({"id": asked, "method": method, "params": params})
        while True:
            answer = self._take()
            if answer.get("id") == asked and "method" not in answer:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _tell(self, method: str, params: object) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: Mapping[str, object]) -> None:
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(content) + content)
        self._process.stdin.flush()

    def _take(self) -> dict[str, Any]:
        """The next message; what the server asks is answered, what it marks is kept."""
        message = self._incoming.get(timeout=PATIENCE)
        assert message is not None, "the language server has ended"
        if message.get("method") == "workspace/configuration":
            sections = [self._section(each.get("section", "")) for each in message["params"]["items"]]
            self._send({"id": message["id"], "result": sections})
        elif message.get("method") == "textDocument/publishDiagnostics":
            self._told[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:
            self._send({"id": message["id"], "result": None})
        return message

    def _section(self, name: str) -> dict[str, Any]:
        """The settings below a name, as an editor hands them out: `yaml` of `yaml.schemas`."""
        prefix = f"{name}."
        return {
            key.removeprefix(prefix): each for key, each in self._settings.items() if key.startswith(prefix)
        }

    def _read(self) -> None:
        output = self._process.stdout
        assert output is not None
        while line := output.readline():
            length = int(line.removeprefix(b"Content-Length: "))
            while output.readline().strip():
                pass
            self._incoming.put(json.loads(output.read(length)))
        self._incoming.put(None)


@contextmanager
def running_language_server(
    home: Path, folder: Path, settings: Mapping[str, Any]
) -> Iterator[LanguageServer]:
    """A server of the engine in `home`, for the workspace `folder`; ended with the block."""
    node = shutil.which("node")
    assert node is not None, "the engine needs Node to run, too"
    with subprocess.Popen(
        [node, str(program(home)), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder
    ) as process:
        server = LanguageServer(process, folder, settings)
        try:
            server.start()
            yield server
            server.stop()
        finally:
            process.kill()
