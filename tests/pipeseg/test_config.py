"""Config files: the original's loads as it is, and every mistake gets one sentence with its key."""

import subprocess
import sys

import pytest

from pipeseg.config import ConfigError, dump_config, load_config
from pipeseg.schema import RefineConfig, StudyConfig
from pipeseg.settings import ROOT

# the original workshop's file, key for key, with its misspelt one
ORIGINAL = """\
seed: 42
experiment_name: "Pipeline Defects Detection"
track_experiment: Yes
image_size: [704, 512]
train_dataset: Deposition_BASELINE
validataion_dataset: Deposition_BASELINE_VAL
evaluation_dataset: Deposition_EVAL
validation_metrics: soft
evaluation_metrics: binary
model:
  name: UNetAttention
  args:
    encoder_name: resnet34
    encoder_weights: imagenet
    in_channels: 3
    classes: 1
    freeze_encoder: True
epochs: 30
learning_rate: 0.0001
batch_size: 2
criterion:
  name: TverskyLoss
  args: {alpha: 0.5, beta: 0.5, smooth: 1, mode: binary, from_logits: True}
scoring_per_epoch: 4
save_by_metric: IoU
visualization_samples: 30
"""
SETS = "train_dataset: a\nvalidation_dataset: b\nevaluation_dataset: c\n"


@pytest.fixture
def load(tmp_path):
    def load_text(text, *overrides):
        file = tmp_path / "config.yaml"
        file.write_text(text, encoding="utf-8")
        return load_config(file, overrides)

    return load_text


@pytest.fixture
def refuse(load):
    def refused(text, *overrides):
        with pytest.raises(ConfigError) as caught:
            load(text, *overrides)
        assert "\n" not in str(caught.value)
        return dict(caught.value.problems)

    return refused


def test_the_originals_file_loads_unchanged(load):
    config, warnings = load(ORIGINAL)
    assert len(warnings) == 1 and "validataion_dataset" in warnings[0] and "validation_dataset" in warnings[0]
    assert config.track_experiment is True and config.seed == 42
    assert (config.train_dataset, config.validation_dataset, config.evaluation_dataset) == (
        "Deposition_BASELINE",
        "Deposition_BASELINE_VAL",
        "Deposition_EVAL",
    )
    assert config.image_size == (704, 512) and config.save_by_metric == "iou" and config.scoring_per_epoch == 4
    assert config.model.args["freeze_encoder"] is True and config.learning_rate == 1e-4
    assert config.criterion.args == {"alpha": 0.5, "beta": 0.5, "smooth": 1, "mode": "binary", "from_logits": True}


def test_the_originals_model_and_loss_can_be_built(load):
    from pipeseg.registry import LOSSES, MODELS, build

    config, _ = load(ORIGINAL, "model.args.encoder_weights=null", "model.args.encoder_name=resnet18")
    build(MODELS, config.model.name, **config.model.args)
    build(LOSSES, config.criterion.name, **config.criterion.args)


@pytest.mark.parametrize("name", ["baseline", "refine", "final", "study"])
def test_our_own_configs_survive_dump_and_load(load, name):
    config, warnings = load_config(ROOT / "scripts" / "experiment" / name / "config.yaml")
    assert not warnings
    again, warnings = load(dump_config(config))
    assert again == config and not warnings


def test_dump_and_load_is_identical_for_the_original(load):
    config, _ = load(ORIGINAL)
    text = dump_config(config)
    assert load(text) == (config, []) and dump_config(load(text)[0]) == text


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        (SETS + "evaluation_metric: soft\n", "evaluation_metric", "did you mean 'evaluation_metrics'?"),
        (SETS + "zzz: 1\n", "zzz", "known: "),
        (SETS + "model: {nam: UNet}\n", "model.nam", "did you mean 'name'?"),
        (SETS + "model: {name: UNetAtention}\n", "model.name", "did you mean 'UNetAttention'?"),
        (SETS + "criterion: {name: tversky}\n", "criterion.name", "did you mean 'TverskyLoss'?"),
        (SETS + "criterion: {name: zzz}\n", "criterion.name", "known: TverskyLoss"),
        (SETS + "epochs: many\n", "epochs", "integer"),
        (SETS + "epochs: 0\n", "epochs", "greater than or equal to 1"),
        (SETS + "learning_rate: .nan\n", "learning_rate", "nan"),
        (SETS + "weight_decay: .inf\n", "weight_decay", "finite"),
        (SETS + "threshold: 1\n", "threshold", "less than 1"),
        (SETS + "seed: -1\n", "seed", "greater than or equal to 0"),
        (SETS + "track_experiment: perhaps\n", "track_experiment", "boolean"),
        (SETS + "model: UNet\n", "model", "dictionary"),
        (SETS + "device: gpu\n", "device", "gpu"),
        (SETS + "image_size: [100, 64]\n", "image_size", "100 is not a multiple of 32; the nearest is 96"),
        (SETS + "image_size: [0, 64]\n", "image_size", "nearest is 32"),
        (SETS + "image_size: 64\n", "image_size", "64"),
        (SETS + "save_by_metric: accuracy\n", "save_by_metric", "'iou'"),
        (SETS + "stage: basline\n", "stage", "did you mean 'baseline'?"),
        (SETS + "1: 2\n", "1", "strings"),
        ("train_dataset: a\nevaluation_dataset: c\n", "validation_dataset", "missing"),
        (SETS + "validataion_dataset: d\n", "validataion_dataset", "both are set"),
        (SETS.replace(": a", ": 'x_{defect_class}'"), "", "train_dataset holds {defect_class}, but defect_class"),
        (SETS.replace(": a", ": c"), "", "train_dataset and evaluation_dataset are both 'c'"),
        (SETS.replace(": b", ": c"), "", "validation_dataset and evaluation_dataset are both 'c'"),
        ("", "", "mapping"),
        ("# only a comment\n", "", "mapping"),
        ("- a\n- b\n", "", "mapping"),
        ("just words\n", "", "mapping"),
        ("seed: 1\nmodel: [1\nx: 2\n", "", "line 3: not YAML"),
        ("seed: 1\n\tepochs: 2\n", "", "line 2: not YAML"),
        ("seed: 1\nseed: 2\n", "", "line 2: not YAML (found duplicate key"),
        ("a: !!python/object/apply:os.system [x]\n", "", "line 1: not YAML"),
        ("a: \x07\n", "", "not YAML"),
    ],
)
def test_a_mistake_is_named_with_its_key(refuse, text, key, words):
    problems = refuse(text)
    assert words in problems[key]


def test_every_mistake_is_reported_at_once(refuse):
    assert set(refuse(SETS + "epochs: 0\nseed: -1\nbatchsize: 3\n")) == {"epochs", "seed", "batchsize"}


@pytest.mark.parametrize("value", ["5", "[]", "[a, 3]", "''"])
def test_teachers_are_named_or_listed(refuse, value):
    problems = refuse(f"stage: refine\nbaseline_run: {value}\n")
    assert problems["baseline_run"].startswith("must be latest, all, a run, or a list of runs")


def test_unknown_refiner_and_missing_keys_of_refine(refuse):
    problems = refuse("stage: refine\nrefiner: {name: orginal}\n")
    assert "did you mean 'original'?" in problems["refiner.name"]
    assert problems["hybrid_dataset"] == "is missing; add it"


def test_a_study_needs_a_class(refuse):
    assert "classes" in refuse("stage: study\nclasses: []\n")


def test_stages_choose_the_kind_of_config():
    folder = ROOT / "scripts" / "experiment"
    assert isinstance(load_config(folder / "refine" / "config.yaml")[0], RefineConfig)
    assert isinstance(load_config(folder / "study" / "config.yaml")[0], StudyConfig)


def test_missing_file_and_other_encodings(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "config.yaml")
    (tmp_path / "config.yaml").write_bytes("имя: 1".encode("cp1251"))
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(tmp_path / "config.yaml")
    with pytest.raises(ConfigError):
        load_config(tmp_path)


def test_overrides_are_read_as_yaml_and_may_be_nested(load):
    config, _ = load(
        ORIGINAL,
        "epochs=2",
        "image_size=[64, 96]",
        "model.args.encoder_weights=null",
        "criterion.args={}",
        "learning_rate=1e-3",
        "experiment_name=a=b c",
        "track_experiment=false",
    )
    assert (config.epochs, config.image_size, config.learning_rate) == (2, (64, 96), 1e-3)
    assert config.model.args["encoder_weights"] is None and config.model.args["encoder_name"] == "resnet34"
    assert config.criterion.args == {} and config.experiment_name == "a=b c" and config.track_experiment is False


@pytest.mark.parametrize("override", ["epochs", "=3", "a..b=1", ".a=1", "epochs=[1", "epochs.x=3", "seed.x.y=3"])
def test_an_override_of_a_bad_form_is_refused(refuse, override):
    refuse(ORIGINAL, override)


def test_the_last_override_wins_and_the_class_fills_names(load):
    text = SETS.replace(": a", ": 's_{defect_class}'")
    config, _ = load(text, "defect_class=x", "defect_class=ржавчина 2")
    assert config.train_dataset == "s_ржавчина 2"


def test_an_override_by_the_new_name_replaces_the_old_spelling(load):
    config, _ = load(ORIGINAL, "validation_dataset=other")
    assert config.validation_dataset == "other"


def test_importing_the_config_loads_nothing_heavy():
    program = (
        "import sys, pipeseg.config as c; from pathlib import Path;"
        "c.load_config(Path('scripts/experiment/baseline/config.yaml'));"
        "print([m for m in ('torch', 'numpy', 'cv2', 'mlflow') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, encoding="utf-8").strip() == "[]"
