"""From `--set` texts to combinations."""

import json

import pytest

from experiments.sweep_grid import MAX_COMBINATIONS, combinations, differing, split_values
from pipeseg.config import parse_override
from pipeseg.errors import BadInput, did_you_mean


def test_the_product_in_the_order_written_and_the_last_varies_fastest():
    assert combinations(["learning_rate=1e-4,3e-4", "epochs=2", "seed=1,2"]) == [
        ["learning_rate=1e-4", "epochs=2", "seed=1"],
        ["learning_rate=1e-4", "epochs=2", "seed=2"],
        ["learning_rate=3e-4", "epochs=2", "seed=1"],
        ["learning_rate=3e-4", "epochs=2", "seed=2"],
    ]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,2", ["1", "2"]),
        (" 1 , 2 ", ["1", "2"]),
        ("[128,160]", ["[128,160]"]),
        ("[128,160],[256,320]", ["[128,160]", "[256,320]"]),
        ("{name: UNet, args: {}},{name: FPN}", ["{name: UNet, args: {}}", "{name: FPN}"]),
        ('"a, b"', ['"a, b"']),
        ("'a, b',c", ["'a, b'", "c"]),
        (r'"a\", b",c', [r'"a\", b"', "c"]),
        ("['a, ]', 'b'],c", ["['a, ]', 'b']", "c"]),
        ("l'eau,d'or", ["l'eau", "d'or"]),
        ("", [""]),
        ("null,0.999", ["null", "0.999"]),
    ],
)
def test_commas_separate_values_but_not_within_brackets_or_quotes(text, values):
    assert split_values(text) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("seed=1..4", ["1", "2", "3", "4"]),
        ("seed=3..1", ["3", "2", "1"]),
        ("seed=-1..1,7", ["-1", "0", "1", "7"]),
        ("seed=5..5", ["5"]),
        ('name="1..4"', ['"1..4"']),
        ("name=a..b", ["a..b"]),
    ],
)
def test_a_range_stands_for_its_whole_numbers(text, values):
    assert [chosen.partition("=")[2] for (chosen,) in combinations([text])] == values


@pytest.mark.parametrize(
    "value", ["a, b", ["a, b", 'c"'], {"encoder_name": "x", "blocks": [1, 2]}, "l'eau, \\", "[1, 2", None, 1e-4]
)
def test_a_value_written_as_json_is_one_value_and_arrives_as_it_was(value):
    ((text,),) = combinations([f"key={json.dumps(value)}"])
    assert parse_override(text) == ("key", value)


def test_without_a_list_there_is_one_combination_as_it_was_typed():
    texts = ["epochs=2", "epochs=3", "no-equals-sign", "name=", "broken=[1, 2", "model.args={}"]
    assert combinations(texts) == [texts]
    assert combinations([]) == [[]]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["seed=1,,2"], "seed: '1,,2' holds an empty value"),
        (["seed=1,"], "holds an empty value"),
        (["seed=1,2", "seed=3"], "seed: is set twice"),
        (["seed=1..4294967295"], f"seed: makes more than {MAX_COMBINATIONS} runs"),
        (["seed=1..100", "epochs=1..100"], f"epochs: makes more than {MAX_COMBINATIONS} runs"),
    ],
)
def test_lists_that_cannot_be_meant_are_refused(texts, words):
    with pytest.raises(BadInput) as caught:
        combinations(texts)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_differing_names_the_places_that_tell_runs_apart():
    assert differing(combinations(["a=1,2", "b=3", "c=4,5"])) == [0, 2]
    assert differing([["a=1", "b=2"]]) == []


def test_initials_are_understood_as_the_key_that_is_meant():
    known = ["learning_rate", "batch_size", "seed"]
    assert did_you_mean("lr", known) == "; did you mean 'learning_rate'?"
    assert did_you_mean("BS", known) == "; did you mean 'batch_size'?"
    assert did_you_mean("xy", known) == ""
