from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from outboard.errors import ResourceError
from outboard.resources.document import Node, load, near, read

HERE = Path("component.yaml")


def one(text: str) -> Node:
    (node,) = load(HERE, text)
    return node


def refused(text: str) -> ResourceError:
    with pytest.raises(ResourceError) as caught:
        load(HERE, text)
    return caught.value


def test_every_value_knows_the_lines_of_its_key_and_of_itself() -> None:
    node = one("a: 1\nspec:\n  metadata:\n  - name: x\n    value: |\n      text\n")

    spec = node.fields()["spec"]
    (item,) = spec.sequence("metadata")
    assert (spec.key, spec.key_line, spec.line) == ("spec", 2, 3)
    assert (item.line, item.fields()["value"].key_line) == (4, 5)


def test_documents_are_separate_and_empty_ones_left_out() -> None:
    nodes = load(HERE, "---\n# nothing\n---\na: 1\n---\n\n--- \nb: 2\n...\n")

    assert [(node.plain(), node.line) for node in nodes] == [({"a": 1}, 4), ({"b": 2}, 8)]


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n"])
def test_nothing(text: str) -> None:
    assert load(HERE, text) == []


def test_scalars_keep_their_text_where_a_string_is_wanted() -> None:
    node = one("a: true\nb: 30\nc: 1.50\nd: 'quoted'\ne: yes\nf: 2026-01-02\ng: 12:30\nh: ~\ni: 0123\n")

    assert [node.string(key) for key in "abcdefghi"] == [
        "true", "30", "1.50", "quoted", "yes", "2026-01-02", "12:30", "", "0123",
    ]  # fmt: skip


def test_plain_values() -> None:
    node = one("a: [1, 0x1F, 0o17, -2.5, .inf, 1e3]\nb: {t: True, y: yes, n: null}\nc: '1'\nd: 12:30\n")

    assert node.plain() == {
        "a": [1, 31, 15, -2.5, float("inf"), 1000.0],
        "b": {"t": True, "y": True, "n": None},
        "c": "1",
        "d": "12:30",
    }


def test_a_number_with_more_digits_than_python_converts_is_text() -> None:
    assert one("a: " + "9" * 5_000).plain() == {"a": "9" * 5_000}


def test_tags_make_no_objects() -> None:
    assert one("a: !!python/object/apply:os.system ['exit 1']\nb: !!int word\n").plain() == {
        "a": ["exit 1"],
        "b": "word",
    }


def test_anchors_and_merge_keys() -> None:
    node = one(
        "base: &base {a: 1, b: 2}\nother: &other {b: 3, c: 4}\n"
        "one:\n  <<: *base\n  b: 9\nmany:\n  <<: [*base, *other]\n"
    )

    assert node.fields()["one"].plain() == {"a": 1, "b": 9}
    assert node.fields()["many"].plain() == {"a": 1, "b": 2, "c": 4}


def test_of_a_key_that_is_written_twice_the_last_counts_and_both_lines_are_known() -> None:
    node = one("spec:\n  type: a\n  list:\n  - {x: 1, x: 2}\n  type: b\n")

    assert node.plain() == {"spec": {"type": "b", "list": [{"x": 2}]}}
    assert [(each.key, each.earlier_line, each.key_line) for each in node.repeated()] == [
        ("type", 2, 5),
        ("x", 4, 4),
    ]


@pytest.mark.parametrize(
    ("text", "line", "advice"),
    [
        ("a:\n\tb: 1\n", 2, "spaces: replace the tab"),
        ("a: 1\n  b: 2\n", 2, "Check the indentation"),
        ("a:\n  - x\n - y\n", 3, "Check the indentation"),
        ("url: http: //x\n", 1, "quote a value that contains `: `"),
        ("a: 'open\n", 2, "Correct the syntax"),
        ("a: [1\nb: 2\n", 2, "Correct the syntax"),
        ("a: 1\n---\nb: {x\n", 4, "Correct the syntax"),
        ("a: *nowhere\n", 1, "Correct the syntax"),
        ("ok: 1\nbad: \x01\n", 2, "Remove it."),
        ("? [a]\n: b\n", 1, "Correct it."),
        ("a: &x [*x]\n", 1, "Remove the alias."),
        ("a: &x {b: *x}\n", 1, "Remove the alias."),
    ],
)
def test_what_is_no_yaml_is_named_with_its_line(text: str, line: int, advice: str) -> None:
    error = refused(text)

    assert str(error).startswith(f"component.yaml:{line}: ")
    assert advice in error.advice


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "{a: " * 5_000])
def test_deep_nesting_is_refused_and_does_not_end_the_process(text: str) -> None:
    assert "nested more than 100 deep" in refused(text).problem


def test_the_loader_written_in_python_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: {b: [1, yes, ~]}\nc: &x 1\nd: *x\n"
    compiled = one(text)
    python = type(
        "Loader",
        (yaml.SafeLoader,),
        {"yaml_implicit_resolvers": load.__globals__["_Loader"].yaml_implicit_resolvers},
    )
    monkeypatch.setitem(load.__globals__, "_Loader", python)

    assert one(text) == compiled


def test_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes("\ufeffa: é\n".encode())

    assert read(path)[0].plain() == {"a": "é"}


def test_a_file_in_another_encoding_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"a: 1\nb: \xe9\n")

    with pytest.raises(ResourceError, match=r"x\.yaml:2: not UTF-8 text"):
        read(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"x\.yaml:1: cannot be read: No such file"):
        read(tmp_path / "x.yaml")


# Access by key


def test_absent_and_null_keys_give_defaults() -> None:
    node = one("a:\nb: null\n")

    assert (node.string("a", "d"), node.boolean("b", True), node.integer("c", 3)) == ("d", True, 3)
    assert (node.strings("a"), node.string_map("b"), node.mapping("c"), node.get("a")) == ((), {}, None, None)


def test_a_key_in_other_case_is_found_unless_the_exact_one_is_there() -> None:
    assert one("Kind: a\n").string("kind") == "a"
    assert one("Kind: a\nkind: b\n").string("kind") == "b"


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("On", True), ("FALSE", False), ("'true'", True)])
def test_booleans(text: str, value: bool) -> None:
    assert one(f"a: {text}\n").boolean("a") is value


@pytest.mark.parametrize(
    ("read_it", "text", "said"),
    [
        (lambda node: node.boolean("a"), "a: maybe", "`a` must be `true` or `false`, not `maybe`"),
        (lambda node: node.integer("a"), "a: 1.5", "`a` must be a whole number, not `1.5`"),
        (lambda node: node.string("a"), "a: [1]", "`a` must be a single value, not a list"),
        (lambda node: node.sequence("a"), "a: {b: 1}", "`a` must be a list (`- item`), not a mapping"),
        (lambda node: node.mapping("a"), "a: word", "`a` must be a mapping (`key: value`), not `word`"),
        (
            lambda node: node.mapping("a"),
            f"a: {'x' * 70}",
            f"`a` must be a mapping (`key: value`), not `{'x' * 60}…`",
        ),
        (lambda node: node.strings("a"), "a: [{b: 1}]", "this value must be a single value, not a mapping"),
        (lambda node: node.require("b"), "a: 1", "`b` is missing"),
        (lambda node: node.require("a"), "a: ''", "`a` is missing"),
    ],
)
def test_a_value_of_the_wrong_type_names_key_and_line(read_it: object, text: str, said: str) -> None:
    assert callable(read_it)

    with pytest.raises(ResourceError) as caught:
        read_it(one(f"# first line\n{text}\n"))

    assert str(caught.value).startswith(f"component.yaml:2: {said}")


def test_an_unknown_key_names_the_near_one() -> None:
    node = one("version: 1\nappPrt: 8000\n")

    with pytest.raises(ResourceError, match=r":2: unknown key `appPrt`\. Did you mean `appPort`\?"):
        node.refuse_unknown(["version", "appPort"])


def test_an_unknown_key_near_nothing_lists_what_is_known() -> None:
    with pytest.raises(ResourceError, match=r"unknown key `zzz`\. Known here: apps, version\."):
        one("zzz: 1\n").refuse_unknown(["version", "apps"])


def test_case_counts_for_known_keys_only_where_asked() -> None:
    node = one("AppID: a\n")

    assert [each.key for each in node.unknown(["appID"])] == ["AppID"]
    assert list(node.unknown(["appID"], fold_case=True)) == []


@pytest.mark.parametrize(
    ("word", "answer"),
    [("brokrs", "Did you mean `brokers`?"), ("BROKERS", "Did you mean `brokers`?"), ("x", "")],
)
def test_near(word: str, answer: str) -> None:
    assert near(word, ["brokers", "authType"]) == answer


@pytest.mark.parametrize("leaf", ["lol", "x" * 100_000], ids=["many", "long"])
def test_aliases_that_make_far_more_of_a_value_than_is_written_are_refused(leaf: str) -> None:
    lines = [f"- &a0 [{leaf}]", *(f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20))]
    with pytest.raises(ResourceError, match="this value, with its aliases, has more than") as caught:
        one("\n".join(lines)).plain()
    assert caught.value.line == 1


def test_aliases_are_written_out() -> None:
    assert one("a: &a {b: 1}\nc: [*a, *a]").plain() == {"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]}


def test_text_with_a_nul_is_refused() -> None:
    with pytest.raises(ResourceError, match="`a` must be text without a NUL character"):
        one('a: "x\\0y"').string("a")


def test_aliases_of_aliases_nest_no_deeper_than_python_can() -> None:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{number}: &a{number} {'[' * 20}*a{number - 1}{']' * 20}" for number in range(1, 300)]
    last = load(Path("x.yaml"), "\n".join(lines))[0].fields()["a299"]
    with pytest.raises(ResourceError, match="nested too deep"):
        last.plain()
    with pytest.raises(ResourceError, match="nested too deep"):
        last.check_size()


@pytest.mark.parametrize("mark", ["\n", "\r", "\x85", "\u2028"])
def test_each_way_to_nest_is_bounded_whatever_ends_a_line(mark: str) -> None:
    deep = mark.join(" " * depth + "a:" for depth in range(150))
    with pytest.raises(ResourceError, match=r"deep|not valid YAML"):
        load(Path("x.yaml"), deep)


def test_a_value_knows_where_it_stands() -> None:
    root = load(Path("x.yaml"), 'a:\n  - name: "b c" # d\n')[0]
    name = root.fields()["a"].items()[0].fields()["name"]
    assert name.span == (2, 11, 2, 16)
    assert name.key_span == (2, 5, 2, 9)
