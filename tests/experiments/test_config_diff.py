"""What differs between two configs."""

import pytest

from experiments.config_diff import ABSENT, Difference, as_text, differences, flat, line_diff, same


def test_nested_keys_are_dotted_and_lists_are_values() -> None:
    nested = {"a": {"b": {"c": 1}, "d": [1, {"e": 2}]}, "f": {}, "g": None}
    assert flat(nested) == {"a.b.c": 1, "a.d": [1, {"e": 2}], "f": {}, "g": None}


def test_only_what_differs_is_told_with_both_sides() -> None:
    left = {"epochs": 3, "model": {"name": "UNet", "args": {"depth": 5}}, "seed": 1, "old": 1}
    right = {"model": {"name": "FPN", "args": {"depth": 5}}, "epochs": 3, "seed": None, "new": None}
    assert differences(left, right) == [
        Difference("model.name", "UNet", "FPN"),
        Difference("seed", 1, None),
        Difference("old", 1, ABSENT),
        Difference("new", ABSENT, None),
    ]
    assert differences(left, left) == []


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (1, 1.0, True),
        (1, True, False),
        ([1, 2], (1, 2), True),
        ([1, 2], [2, 1], False),
        (float("nan"), float("nan"), True),
        ({"a": [True]}, {"a": [1]}, False),
        (None, ABSENT, False),
    ],
)
def test_values_are_compared_by_what_they_mean(left: object, right: object, expected: bool) -> None:
    assert same(left, right) is expected


def test_values_are_written_as_in_a_config() -> None:
    assert [as_text(value) for value in ("a", None, True, [1, "ж"], ABSENT)] == ["a", "null", "true", "[1, ж]", ""]
    assert as_text({"a b": ["true", "1", {"c": "x: y"}]}) == '{a b: ["true", "1", {c: "x: y"}]}'


def test_lines_are_compared_in_the_order_of_the_texts() -> None:
    assert line_diff("a\nb\n", "a\nc\n", ("saved", "typed"))[-3:] == [" a", "-b", "+c"]
    assert line_diff("a\n", "a\n", ("saved", "typed")) == []
