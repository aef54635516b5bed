"""Where Outboard was installed from, and so whether a requirement of its name means it. Pure.

Source: PEP 610, "Recording the Direct URL Origin of installed distributions": an installer that was given a
folder, a file or a repository writes it into direct_url.json, and writes none for what came from an index.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

__all__ = ["install_arguments", "requirement_words"]

REASON: Final = """\
# Until Outboard's first release the package `outboard` of the public index is another project. Install
# Outboard from its clone first. Once your index has it, take away the `#` before its name, here and in
# requirements-dev.txt.
"""
INSTALL: Final = """\
pip install "/path/to/the/clone[dashboard,testing]"
"""
NOTE: Final = """\
Outboard is installed from its clone: `requirements.txt` says why.

"""


def requirement_words(direct_url: str | None) -> Mapping[str, str]:
    """The words of the templates that say how Outboard is installed.

    `direct_url` is the text of direct_url.json, None where there is none. Then an index has Outboard, and the
    requirement is written as any other; else it is a comment, since pip would install what is not Outboard.
    """
    if direct_url is None:
        return dict.fromkeys(("reason", "comment", "install", "note"), "")
    return {"reason": REASON, "comment": "# ", "install": INSTALL, "note": NOTE}


def install_arguments(direct_url: str | None, extras: str) -> str:
    """What `pip install` is given for Outboard with `extras` (`a,b`), from where it came; empty: an index."""
    if direct_url is None:
        return ""
    origin = json.loads(direct_url)
    url: str = origin["url"]
    if urlsplit(url).scheme == "file":
        path = f'"{url2pathname(urlsplit(url).path)}[{extras}]"'
        return f"-e {path}" if origin.get("dir_info", {}).get("editable") else path
    repository = origin.get("vcs_info")
    if repository:
        url = f"{repository['vcs']}+{url}@{repository['commit_id']}"
    return f'"outboard[{extras}] @ {url}"'
