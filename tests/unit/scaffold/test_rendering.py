"""Templates become files: their paths, and the words in their texts."""

from __future__ import annotations

import pytest

from outboard.scaffold.rendering import rendered

WORDS = {"package": "shop"}


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("README.md.txt", "README.md"),
        ("gitignore.txt", ".gitignore"),
        ("requirements.txt.txt", "requirements.txt"),
        ("package/main.py.txt", "shop/main.py"),
        ("vscode/launch.json.txt", ".vscode/launch.json"),
        ("components/local/pubsub.yaml.txt", "components/local/pubsub.yaml"),
        ("tests/gitignore.txt", "tests/gitignore"),
    ],
)
def test_a_template_has_the_path_of_its_file(template: str, path: str) -> None:
    assert rendered({template: ""}, WORDS) == {path: ""}


def test_words_in_double_braces_are_filled_in_and_no_others() -> None:
    text = "{{package}} ${workspaceFolder} {a} {{package}}"
    assert rendered({"a.txt": text}, WORDS) == {"a": "shop ${workspaceFolder} {a} shop"}


def test_a_word_that_there_is_not_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="other"):
        rendered({"a.txt": "{{other}}"}, WORDS)
