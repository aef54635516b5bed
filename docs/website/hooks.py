"""What MkDocs calls while it builds the site: pages that are made of the program, and links out of the site.

Source: MkDocs 1.6, "Hooks" and "Events".
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # MkDocs loads this file by its path

from mkdocs.config.defaults import MkDocsConfig  # noqa: E402
from mkdocs.structure.files import File, Files  # noqa: E402
from mkdocs.structure.pages import Page  # noqa: E402

from docs.website.llms import llms_full_text, llms_text  # noqa: E402
from docs.website.made import made_pages  # noqa: E402
from docs.website.navigation import with_folders  # noqa: E402

LINK: Final = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>\.\./[^)\s]+)\)")

MADE: Final = """\
Made of the program, for this site: [API, from its docstrings](reference/api.md) ·
[all commands](reference/commands.md) · [which components there are](reference/components.md) ·
[changelog](changelog.md)
"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """A folder in the navigation stands for its pages, in the order of index.md."""
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    config.nav = with_folders(config.nav or [], index, list(made_pages(ROOT)))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made of the program, and llms.txt."""
    for path, text in made_pages(ROOT).items():
        files.append(File.generated(config, path, content=text))
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    sources = {
        file.src_uri: file.content_string
        for file in files.documentation_pages()
        if not file.src_uri.startswith("reference/rules/")
    }
    description = str(config.site_description)
    files.append(File.generated(config, "llms.txt", content=llms_text(index, config.site_name, description)))
    files.append(File.generated(config, "llms-full.txt", content=llms_full_text(sources)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files, **_: Any) -> str:
    """A link to a file of the repository that is no page becomes its path: the site stands alone."""
    here = posixpath.dirname(page.file.src_uri)
    if here == "" and page.file.src_uri == "index.md":
        markdown = markdown.replace("## Understand", f"{MADE}\n## Understand", 1)

    def told(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", here, match["target"].partition("#")[0]))
        if target.startswith("docs/"):
            return match[0]
        return match["text"] if "`" in match["text"] else f"{match['text']} (`{target}`)"

    return LINK.sub(told, markdown)
