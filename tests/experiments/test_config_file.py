"""Editing a config: the person's text survives, and nothing invalid is ever saved."""

import pytest
from small_workshop import CONFIG

from experiments.config_file import check_text, describe_keys, find_problems, read_text, save, set_values
from pipeseg.config import ConfigError, check_config, parse_yaml
from pipeseg.errors import BadInput

WRITTEN_BY_A_PERSON = """\
---
# ===== data =====
seed: 42            # the answer
experiment_name: 'Pipe "A"'
track_experiment: Yes
image_size: [704, 512]   # [height, width]

train_dataset: Deposition_BASELINE
validataion_dataset: Deposition_BASELINE_VAL  # sic
evaluation_dataset: "Deposition_EVAL"

# ===== model =====
model:
    name: UNetAttention
    args:
        encoder_name: resnet34
        in_channels: 3   # RGB
epochs: 30
learning_rate: 0.0001   # Adam
criterion:
    name: TverskyLoss
    args: {alpha: 0.5, beta: 0.5, from_logits: True}
save_by_metric: IoU
# the end
"""


def changed_lines(before: str, after: str) -> list[tuple[str, str]]:
    assert len(before.splitlines()) == len(after.splitlines())
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    return [(old, new) for old, new in pairs if old != new]


def test_only_the_lines_that_were_set_change():
    after = set_values(
        WRITTEN_BY_A_PERSON,
        {
            "epochs": 2,
            "learning_rate": 0.001,
            "model.args.encoder_name": "resnet18",
            "evaluation_dataset": "Other_EVAL",
            "image_size": [128, 160],
            "criterion.args.alpha": 0.3,
        },
    )
    assert changed_lines(WRITTEN_BY_A_PERSON, after) == [
        ("image_size: [704, 512]   # [height, width]", "image_size: [128, 160]   # [height, width]"),
        ('evaluation_dataset: "Deposition_EVAL"', 'evaluation_dataset: "Other_EVAL"'),
        ("        encoder_name: resnet34", "        encoder_name: resnet18"),
        ("epochs: 30", "epochs: 2"),
        ("learning_rate: 0.0001   # Adam", "learning_rate: 0.001    # Adam"),
        (
            "    args: {alpha: 0.5, beta: 0.5, from_logits: True}",
            "    args: {alpha: 0.3, beta: 0.5, from_logits: True}",
        ),
    ]


def test_nothing_set_nothing_changed():
    assert set_values(WRITTEN_BY_A_PERSON, {}) == WRITTEN_BY_A_PERSON
    assert set_values(CONFIG, {"epochs": 3}) == CONFIG


def test_indents_that_are_not_uniform_stay():
    text = CONFIG + "criterion:\n      name: DiceLoss   # far in\n      args:\n       smooth: 1\n"
    assert changed_lines(text, set_values(text, {"epochs": 9})) == [("epochs: 3", "epochs: 9")]
    deep = set_values(text, {"criterion.args.smooth": 2})
    assert parse_yaml(deep)["criterion"] == {"name": "DiceLoss", "args": {"smooth": 2}}
    assert "# far in" in deep and "# or UNetAttention" in deep


def test_the_old_spelling_of_a_key_is_kept():
    after = set_values(WRITTEN_BY_A_PERSON, {"validation_dataset": "V"})
    assert changed_lines(WRITTEN_BY_A_PERSON, after)[0][1].startswith("validataion_dataset: V ")


def test_new_keys_are_added_and_read_back():
    after = set_values(CONFIG, {"batch_size": 4, "model.args": {"encoder_weights": None}, "defect_class": "rupture"})
    config, _ = check_config(parse_yaml(after))
    assert config.batch_size == 4
    assert config.model.args == {"encoder_weights": None}
    assert config.train_dataset == "sample_rupture_BASELINE"
    assert "# one of the classes of the dataset" in after
    assert "encoder_weights: null" in after


def test_lists_keep_their_shape_when_they_grow_and_shrink():
    text = "stage: study\nclasses: # which\n  - a  # first\n  - b\nseeds: [0]  # more is better\n"
    after = set_values(text, {"classes": ["a", "c", "d"], "seeds": [1, 2, 3]})
    assert after == "stage: study\nclasses: # which\n  - a  # first\n  - c\n  - d\nseeds: [1, 2, 3] # more is better\n"
    shorter = set_values(after, {"classes": ["z"], "seeds": [7]})
    assert shorter == "stage: study\nclasses: # which\n  - z  # first\nseeds: [7] # more is better\n"


def test_true_is_not_one():
    assert "augment: true" in set_values(set_values(CONFIG, {"augment": False}), {"augment": True})


@pytest.mark.parametrize(
    ("values", "key", "words"),
    [
        ({"epoch": 3}, "epoch", "unknown key; did you mean 'epochs'?"),
        ({"epochs": 0}, "epochs", "greater than or equal to 1"),
        ({"epochs": "many"}, "epochs", "many"),
        ({"model.name": "UNett"}, "model.name", "unknown model 'UNett'; did you mean 'UNet'?"),
        ({"seed.sub": 1}, "seed.sub", "holds a single value"),
    ],
)
def test_invalid_values_are_refused_by_key(values, key, words):
    text = "seed: 1\n" + CONFIG
    with pytest.raises(ConfigError) as caught:
        set_values(text, values)
    assert [found for found, sentence in caught.value.problems if words in sentence] == [key]


def test_check_text_tells_mistakes_and_else_warnings():
    assert check_text(CONFIG) == []
    assert check_text(CONFIG + "epoch: 1\n") == [("epoch", "unknown key; did you mean 'epochs'?")]
    ((key, sentence),) = check_text(WRITTEN_BY_A_PERSON)
    assert key == "" and sentence.startswith("warning: ") and "rename the key" in sentence
    assert find_problems(WRITTEN_BY_A_PERSON) == []
    assert "line 2" in check_text("a: 1\n  b: 2\n")[0][1]


def test_save_refuses_invalid_text_and_leaves_the_file(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    with pytest.raises(ConfigError):
        save(path, CONFIG + "epoch: 1\n")
    assert path.read_text() == CONFIG
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.yaml"]


def test_save_keeps_windows_line_ends(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_bytes(CONFIG.replace("\n", "\r\n").encode())
    save(path, set_values(read_text(path), {"epochs": 9}))
    assert path.read_bytes() == CONFIG.replace("epochs: 3", "epochs: 9").replace("\n", "\r\n").encode()


def test_unreadable_files_are_bad_input(tmp_path):
    with pytest.raises(BadInput, match="no-such"):
        read_text(tmp_path / "no-such.yaml")
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="UTF-8"):
        read_text(tmp_path / "config.yaml")
    with pytest.raises(BadInput):
        save(tmp_path / "no-such-folder" / "config.yaml", CONFIG)


def test_every_key_is_described():
    keys = {key: (default, words) for key, default, words in describe_keys("baseline")}
    assert keys["train_dataset"][0] == "" and keys["epochs"] == (
        "30",
        "passes over the training set, or blocks of steps_per_epoch steps",
    )
    assert "model.name" in keys and "model" not in keys
    for stage in ("baseline", "refine", "final", "study"):
        assert all(words for key, _, words in describe_keys(stage) if key != "stage")
