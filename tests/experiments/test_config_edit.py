"""Changing keys in the text of a config: nothing else moves, and no comment is lost."""

import random
import re
from collections import Counter

import pytest

from experiments.config_diff import ABSENT, same
from experiments.config_edit import applied, edit, parse_value, write
from pipeseg.config import parse_yaml
from pipeseg.errors import BadInput
from pipeseg.settings import ROOT

DRAWN = """\
# first line
seed: 42            # the answer
name: 'Pipe "A" # no comment'
size: [704, 512]   # [height, width]

# ===== data =====
classes: # which
  - a  # first
  - 'b'
  # between

# ===== model =====
model:
    # how deep
    name: UNet   # safe
    args:
        encoder: resnet34
        layers: {a: 1, b: [1, 2], # of the flow
          c: null}   # end of the flow
empty:
text: |
  # content, no comment
  two
last: 1 # end
# the end
"""
KEYS = (
    *("seed", "name", "size", "classes", "model", "model.name", "model.args", "model.args.encoder", "empty", "text"),
    *(
        "model.args.layers",
        "model.args.layers.a",
        "model.args.layers.b",
        "model.args.layers.c",
        "last",
        "new",
        "far.a.b",
    ),
)
VALUES = (1, 0.5, 1e-7, True, None, "word", "a: b", "{x}_y", "", "ж", "two\nlines", [], [1], ["a", "b", "c", "d"])
MORE_VALUES = ({}, {"a": 1}, {"encoder": "x", "layers": {"b": [9]}}, [{"name": "x", "weight": 2}], "null", "1", "- a")


def comments(text: str) -> Counter[str]:
    hidden = ("no comment", "content")
    found = re.findall(r"(?:^|(?<=\s))# [^\n]*", text, re.MULTILINE)
    return Counter(line.strip() for line in found if not any(word in line for word in hidden) and line[2] != "c")


@pytest.mark.parametrize("seed", range(12))
def test_any_sequence_of_edits_means_what_it_says_and_keeps_every_comment(seed: int) -> None:
    draw, text = random.Random(seed), DRAWN
    expected = parse_yaml(text)
    for _ in range(12):
        key = draw.choice(KEYS)
        value = ABSENT if draw.random() < 0.35 else draw.choice(VALUES + MORE_VALUES)
        *parents, _leaf = key.split(".")
        holder = expected
        for parent in parents:
            holder = holder.get(parent) if isinstance(holder, dict) else holder
        if parents and not isinstance(holder, dict) and holder is not None and value is not ABSENT:
            with pytest.raises(BadInput, match="holds a single value"):
                edit(text, {key: value})
            continue
        before = comments(text)
        text = edit(text, {key: value})
        expected = applied(expected, tuple(key.split(".")), value)
        assert same(parse_yaml(text) if expected else {}, expected), (key, value, text)
        assert not before - comments(text), (key, value, text)


@pytest.mark.parametrize("name", ["study", "baseline", "final", "refine"])
def test_an_edit_that_is_taken_back_leaves_the_file_as_it_was(name: str) -> None:
    text = (ROOT / "scripts" / "experiment" / name / "config.yaml").read_text(encoding="utf-8")
    for key in ("added_key", "model.args.added" if "model:" in text else "refine.added"):
        if name == "study" or key == "refine.added":
            key = "added_key"
        assert edit(edit(text, {key: [1, 2]}), {key: ABSENT}) == text
    seed = parse_yaml(text)["seed"]
    assert edit(edit(text, {"seed": 123456}), {"seed": seed}) == text


def test_only_the_value_is_written_anew() -> None:
    after = edit(DRAWN, {"seed": 7, "size": [64, 64], "model.args.layers.a": 2, "classes": ["a", "c", "d"], "empty": 3})
    assert "seed: 7             # the answer" in after
    assert "size: [64, 64]     # [height, width]" in after
    assert "layers: {a: 2, b: [1, 2], # of the flow" in after
    assert "  - a  # first\n  - 'c'\n  - d\n  # between" in after
    assert "empty: 3\n" in after


def test_a_new_key_stands_where_the_schema_has_it() -> None:
    text = "seed: 1\n\n# next\nepochs: 3\nlast: 1\n"
    after = edit(text, {"rate": 0.1}, order=["seed", "rate", "epochs", "last"])
    assert after == "seed: 1\nrate: 0.1\n\n# next\nepochs: 3\nlast: 1\n"
    assert edit(text, {"other": 1}).endswith("last: 1\nother: 1\n")
    assert edit("", {"a.b": "x"}) == "a:\n  b: x\n"


def test_a_comment_outlives_its_key() -> None:
    assert edit("a: 1\nb: 2 # why\nc: 3\n", {"b": ABSENT}) == "a: 1\n# why\nc: 3\n"
    assert edit("a:\n  b: 2 # why\nc: 3\n", {"a.b": ABSENT}) == "a: {}\n  # why\nc: 3\n".replace("\n  #", "\n#")
    assert edit("a: {b: 1, c: 2} # why\n", {"a.b": ABSENT}) == "a: {c: 2} # why\n"


def test_values_that_are_shared_are_left_to_the_text() -> None:
    text = "base: &b\n  x: 1\n  y: 2\nmore:\n  <<: *b\n  z: 3\nsame: *b\n"
    assert parse_yaml(edit(text, {"more.x": 5}))["more"] == {"x": 5, "y": 2, "z": 3}
    assert parse_yaml(edit(text, {"base.x": 5}))["more"] == {"x": 5, "y": 2, "z": 3}
    assert parse_yaml(edit(text, {"same": 1}))["same"] == 1
    with pytest.raises(BadInput):
        edit(text, {"same.x": 3})
    with pytest.raises(BadInput):
        edit(text, {"base": 3})


@pytest.mark.parametrize(
    "value", [*VALUES, *MORE_VALUES, "a # b", float("inf"), "yes", "1e5", "~", "a, b", "[", "it's", '"']
)
def test_every_value_is_read_back(value: object) -> None:
    for in_flow in (False, True):
        written = write(value, in_flow)
        assert "\n" not in written
        assert same(parse_yaml(f"k: [{written}]" if in_flow else f"k: {written}")["k"], [value] if in_flow else value)


def test_what_is_typed_is_read_as_yaml() -> None:
    assert parse_value("[1, {a: b}]") == [1, {"a": "b"}]
    with pytest.raises(BadInput, match="not YAML"):
        parse_value("[1")
