"""A config as a form: every key, what it takes, and a change that keeps the text."""

import random

import pytest
from small_workshop import CONFIG, Workshop

from experiments.config_diff import ABSENT, same
from experiments.config_form import (
    GROUPS,
    Form,
    changed_text,
    next_choice,
    problem_of,
    read_form,
    read_typed,
)
from experiments.config_types import fields_of
from pipeseg.config import check_config, parse_yaml
from pipeseg.errors import BadInput
from pipeseg.schema import STAGES
from pipeseg.settings import ROOT


def written(name: str) -> str:
    return (ROOT / "scripts" / "experiment" / name / "config.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("stage", STAGES)
def test_every_key_of_the_schema_has_a_group_and_a_help(stage: str) -> None:
    grouped = {key for keys in GROUPS.values() for key in keys}
    for field in fields_of(stage):
        assert field.help, field.key
        assert field.key.partition(".")[0] in grouped, field.key


def test_rows_tell_type_range_default_and_what_the_file_says() -> None:
    form = read_form(CONFIG)
    epochs, rate = form.entry("epochs"), form.entry("learning_rate")
    assert epochs and rate
    assert (epochs.value, epochs.default, epochs.kind.words) == (3, 30, "whole number ≥ 1")
    assert (rate.value, rate.shown, rate.kind.words) == (ABSENT, 1e-4, "number > 0, ≤ 10")
    assert form.entry("boxes").shown is None and form.entry("boxes.hand_share") is None
    assert [choice.value for choice in form.entry("schedule").kind.choices] == ["constant", "cosine", "linear", "poly"]
    assert "UNetPlusPlus" in [choice.value for choice in form.entry("model.name").kind.choices]
    assert "mit_b0" in [choice.value for choice in form.entry("model.args.encoder_name").kind.choices]
    assert form.is_valid


def test_arguments_follow_the_name_beside_them() -> None:
    form = read_form(CONFIG + "criterion:\n  name: FocalLoss\n  args: {gamma: 3, odd: 1}\n")
    assert form.entry("criterion.args.gamma").value == 3
    assert form.entry("criterion.args.alpha").value is ABSENT
    assert form.entry("criterion.args.odd").value == 1
    other = read_form(changed_text(form, "criterion.name", "DiceLoss"))
    assert other.entry("criterion.args.smooth") and not other.entry("criterion.args.alpha")


def test_what_is_known_of_arguments_is_what_the_classes_take() -> None:
    import inspect

    import torch

    from pipeseg import losses, refiners
    from pipeseg.models import UNetAttention
    from pipeseg.registry import LOSSES, REFINERS
    from pipeseg.registry_args import LOSS_ARGS, MODEL_ARGS, OPTIMIZER_ARGS, REFINER_ARGS

    assert set(LOSS_ARGS) == set(LOSSES) and set(REFINER_ARGS) == set(REFINERS)
    fixed = {"mode", "from_logits", "reduction", "self"}
    classes = {name: getattr(losses, name) for name in LOSS_ARGS}
    classes |= {name: getattr(refiners, REFINERS[name].partition(":")[2]) for name in REFINER_ARGS}
    classes |= {name: getattr(torch.optim, name) for name in OPTIMIZER_ARGS}
    for name, arguments in (LOSS_ARGS | REFINER_ARGS | OPTIMIZER_ARGS).items():
        taken = inspect.signature(classes[name].__init__).parameters
        own = {key for key, each in taken.items() if each.kind is each.POSITIONAL_OR_KEYWORD} - fixed
        if name not in OPTIMIZER_ARGS and name != "crops":
            assert set(arguments) == own, name
        for key, argument in arguments.items():
            if key in taken and argument.default is not None and name not in ("CombinedLoss", "auto", "crops"):
                default = taken[key].default
                assert same(list(default) if isinstance(default, tuple) else default, argument.default), (name, key)
    assert (
        inspect.signature(UNetAttention).parameters["dropout"].default == MODEL_ARGS["UNetAttention"]["dropout"].default
    )


@pytest.mark.parametrize("name", ["baseline", "study", "refine", "split"])
@pytest.mark.parametrize("seed", [1, 2])
def test_any_sequence_of_changes_in_the_form_loads_to_the_config_that_it_shows(name: str, seed: int) -> None:
    draw, text = random.Random(seed), written(name)
    hashes = text.count("# ")
    done = 0
    for _ in range(12):
        form = read_form(text)
        entry = draw.choice(form.entries)
        value = draw.choice([ABSENT, next_choice(entry), 7, 0.25, "word", [64, 96], None, entry.shown])
        if problem_of(form, entry.key, value) or (entry.default is ABSENT and value is ABSENT):
            continue
        try:
            text = changed_text(form, entry.key, value)
        except BadInput as error:
            assert "shares" in str(error) or "comes from another key" in str(error)
            continue
        done += 1
        row = read_form(text).entry(entry.key)
        if value is not ABSENT and not (isinstance(value, dict) and not value):
            assert row and same(row.value, value), (entry.key, value, text)
        elif row:
            assert not row.is_set or row.value == {}, (entry.key, text)
        assert text.count("# ") >= hashes
    assert done > 2


def test_taking_every_key_back_gives_the_defaults() -> None:
    text = CONFIG + "  args: {}\nepochs_: 1\nschedule: cosine # why\n"
    form = read_form(text)
    assert form.entry("epochs_").problem.startswith("unknown key")
    for key in ("epochs_", "schedule", "model.name"):
        text = changed_text(read_form(text), key, ABSENT)
    config, _ = check_config(parse_yaml(text))
    assert (config.schedule, config.model.name) == ("constant", "UNetAttention")
    assert "# why" in text


def test_problems_stand_at_the_row_that_they_mean() -> None:
    form = read_form(CONFIG + "  args: {encoder_name: resnet19}\nlearning_rate: fast\nepoch: 1\n")
    assert "did you mean 'resnet1" in form.entry("model.args.encoder_name").problem
    assert "number" in form.entry("learning_rate").problem
    assert "did you mean 'epochs'" in form.entry("epoch").problem
    assert not form.is_valid


def test_a_value_is_checked_while_it_is_typed() -> None:
    form = read_form(CONFIG)

    def typed(key: str, text: str) -> str | None:
        entry = form.entry(key)
        return problem_of(form, key, read_typed(entry, text))

    assert "greater than or equal to 1" in typed("epochs", "0")
    assert typed("epochs", "12") is None
    assert "33 is not a multiple of 32" in typed("image_size", "33, 64")
    assert typed("image_size", "32, 64") is None
    assert typed("image_size", "[32, 64]") is None
    assert typed("early_stop", "null") is None
    assert typed("defect_class", "rupture") is None
    assert "did you mean" in typed("model.args.encoder_name", "resnet19")
    assert read_typed(form.entry("experiment_name"), "12: a") == "12: a"
    assert read_typed(form.entry("defect_class"), "null") is None
    assert read_typed(form.entry("batch_size"), "auto") == "auto"
    with pytest.raises(BadInput, match="not YAML"):
        typed("epochs", "[1")


def test_text_that_is_no_yaml_has_no_rows_but_its_line() -> None:
    form: Form = read_form("a: 1\n  b: 2\n")
    assert not form.is_readable and form.entries == ()
    assert form.problems[0][1].startswith("line 2: ")


def test_datasets_that_are_there_are_offered_and_others_are_told(workshop: Workshop) -> None:
    text = "defect_class: deposition\ntrain_dataset: a\nvalidation_dataset: sample\nevaluation_dataset: c\n"
    form = read_form(text, workshop.settings)
    offered = [choice.value for choice in form.entry("train_dataset").kind.choices]
    assert {"sample", "sample_deposition_EVAL", "sample_{defect_class}_EVAL"} <= set(offered)
    assert form.entry("train_dataset").problem.startswith("warning: ")
    assert form.entry("validation_dataset").problem is None
    assert form.is_valid


def test_a_name_alone_becomes_a_section_when_it_gets_an_argument() -> None:
    form = read_form(written("refine").replace("refiner: #", "refiner: box\n#").partition("  name: crops")[0])
    assert form.entry("refiner.name").value == "box"
    text = changed_text(form, "refiner.name", "crops")
    assert parse_yaml(text)["refiner"] == "crops"
    text = changed_text(read_form(text), "refiner.args.steps", 9)
    assert parse_yaml(text)["refiner"] == {"name": "crops", "args": {"steps": 9}}


def test_the_old_spelling_of_a_key_is_kept() -> None:
    text = CONFIG.replace("validation_dataset", "validataion_dataset")
    form = read_form(text)
    assert form.entry("validation_dataset").is_set
    assert "validataion_dataset: other" in changed_text(form, "validation_dataset", "other")


def test_boxes_are_switched_on_and_off() -> None:
    form = read_form(CONFIG)
    on = read_form(changed_text(form, "boxes", next_choice(form.entry("boxes"))))
    assert on.entry("boxes.hand_share").shown == 0.5
    off = changed_text(on, "boxes", next_choice(on.entry("boxes")))
    assert parse_yaml(off)["boxes"] is None
