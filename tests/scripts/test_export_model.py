"""`export_model.py` as a person runs it, and `predict.py` with what it wrote."""

import json
import sys

import pytest

from pipeseg.data.pictures import read_mask
from pipeseg.settings import ROOT

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package)


@pytest.mark.slow
def test_an_exported_run_predicts_like_the_run(finished_shop, trained, tmp_path):
    folder = finished_shop.settings.datasets_dir / "tiny_deposition_EVAL"
    out = tmp_path / "new folder" / "модель.onnx"
    ended = finished_shop.tool(
        "export_model.py", "latest", "--out", str(out), "--pictures", str(folder), "--json", timeout=500
    )
    assert ended.returncode == 0, ended.stderr
    facts = json.loads(ended.stdout)
    assert facts["run_id"] == trained.directory.run_id and facts["compared"] == 5
    assert 0 <= facts["largest_difference"] < 1e-3 and facts["bytes"] == out.stat().st_size
    assert [file.name for file in out.parent.iterdir()] == ["модель.onnx"] and "Traceback" not in ended.stderr
    masks = []
    for name, model in (("torch", "latest"), ("onnx", str(out))):
        target = tmp_path / name
        call = ("predict.py", model, str(folder), "--out", str(target), "--soft", "--precision", "float32")
        ended = finished_shop.tool(*call)
        assert ended.returncode == 0, ended.stderr
        masks.append([read_mask(file).astype(int) for file in sorted((target / "masks").iterdir())])
    assert len(masks[0]) == 5
    for one, other in zip(*masks, strict=True):
        assert one.shape == other.shape and abs(one - other).max() <= 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["latest", "--out", "TMP/model.pt"], "must end in .onnx", marks=pytest.mark.slow),
        (["nobody", "--out", "TMP/model.onnx"], "no run 'nobody'"),
        (["TMP/some.onnx"], "is ONNX already"),
        pytest.param(["TMP/fake.safetensors"], "not a checkpoint of pipeseg", marks=pytest.mark.slow),
        (["latest", "--out", "TMP/model.onnx", "--pictures", "TMP/missing"], "no such file"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(finished_shop, tmp_path, arguments, words):
    for name in ("some.onnx", "fake.safetensors"):
        (tmp_path / name).write_text("hello")
    ended = finished_shop.tool("export_model.py", *(part.replace("TMP", str(tmp_path)) for part in arguments))
    assert ended.returncode == 2 and ended.stdout == "", ended.stderr
    assert words in ended.stderr.splitlines()[-1] and "Traceback" not in ended.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["fake.safetensors", "some.onnx"]


@pytest.mark.slow
def test_a_missing_package_is_one_sentence(finished_shop, tmp_path):
    # a module of this name that cannot be imported stands before the real one
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for package in ("onnx", "onnxruntime"):
        (hidden / f"{package}.py").write_text("raise ImportError('hidden')")
    environment = {"PYTHONPATH": f"{hidden}:{ROOT}"} if sys.platform != "win32" else {"PYTHONPATH": f"{hidden};{ROOT}"}
    ended = finished_shop.tool("export_model.py", "latest", "--out", str(tmp_path / "m.onnx"), env=environment)
    assert ended.returncode == 2 and not (tmp_path / "m.onnx").exists()
    assert ended.stderr.splitlines()[-1] == (
        "onnx is not installed, and ONNX needs it; `python -m pip install onnx onnxscript onnxruntime`"
    )
    (tmp_path / "m.onnx").write_text("")
    call = ("predict.py", str(tmp_path / "m.onnx"), str(tmp_path), "--out", str(tmp_path / "out"))
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    ended = finished_shop.tool(*call, env=environment)
    assert ended.returncode == 2 and ended.stderr.startswith("onnxruntime is not installed")
