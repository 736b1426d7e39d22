"""Networks as ONNX: the same probabilities, any batch, facts in the metadata, and nothing kept that differs."""

import json

import numpy as np
import pytest
import torch

from pipeseg.data.pictures import read_mask
from pipeseg.errors import BadInput, RunFailed
from pipeseg.prediction.covering import Whole, choose_cover
from pipeseg.prediction.inputs import find_pictures
from pipeseg.prediction.networks import OnnxNetwork, load_network
from pipeseg.prediction.onnx_model import export_onnx
from pipeseg.prediction.output import OutputFolder
from pipeseg.prediction.predict import Options, Totals, predict
from pipeseg.registry import MODELS, build
from pipeseg.training.checkpoint import Checkpoint, load_model, save_checkpoint

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

ARGS = {"encoder_name": "tu-mobilenetv3_small_050", "decoder_channels": [16, 16, 8, 8, 8]}


def save_random(path, name: str, size=(64, 96)) -> None:
    torch.manual_seed(1)
    model = build(MODELS, name, **ARGS, encoder_weights=None).train()
    # statistics of its own, so that BatchNorm in eval mode is not the identity
    for _ in range(3):
        model(torch.randn(4, 3, *size))
    args = {**ARGS, "encoder_weights": "imagenet"}
    header = Checkpoint({"name": name, "args": args}, size, 0.4, 7, 1, 0.5, "iou", "Отложения", "run-1")
    save_checkpoint(path, model, header)


@pytest.fixture(scope="module", params=["UNet", "UNetAttention"])
def exported(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    save_random(folder / "m.safetensors", request.param)
    return folder, export_onnx(folder / "m.safetensors", folder / "м.onnx")


@pytest.mark.slow
def test_the_same_probabilities_for_any_batch(exported):
    folder, done = exported
    assert done.difference < 1e-5 and done.size == (folder / "м.onnx").stat().st_size
    model, _ = load_model(folder / "m.safetensors")
    session = runtime.InferenceSession(str(folder / "м.onnx"), providers=["CPUExecutionProvider"])
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    for count in (1, 2, 5):
        images = torch.from_numpy(np.random.default_rng(count).integers(0, 256, (count, 3, 64, 96), dtype=np.uint8))
        with torch.inference_mode():
            expected = torch.sigmoid(model((images / 255 - mean) / std)).numpy()
        (found,) = session.run(["probability"], {"image": images.numpy()})
        assert expected.std() > 0.01  # a network that says one thing everywhere would agree with much
        np.testing.assert_allclose(found, expected, atol=1e-4)
    with pytest.raises(Exception, match="Got invalid dimensions"):
        session.run(None, {"image": np.zeros((1, 3, 96, 96), np.uint8)})
    assert sorted(file.name for file in folder.iterdir()) == ["m.safetensors", "м.onnx"]


@pytest.mark.slow
def test_its_facts_are_in_its_metadata(exported):
    folder, done = exported
    model = onnx.load(str(folder / "м.onnx"))
    onnx.checker.check_model(model, full_check=True)
    facts = json.loads({entry.key: entry.value for entry in model.metadata_props}["pipeseg"])
    assert facts == {**done.metadata, "classes": ["Отложения"], "image_size": [64, 96]}
    assert (facts["threshold"], facts["run_id"], facts["step"]) == (0.4, "run-1", 7)
    assert "uint8 RGB (N, 3, 64, 96)" in facts["input"] and "(N, 1, 64, 96)" in facts["output"]


@pytest.mark.slow
def test_it_predicts_like_its_checkpoint(exported, tiny_session, tmp_path):
    folder, _ = exported
    pictures = find_pictures(tiny_session.settings.datasets_dir / "tiny_deposition_EVAL")
    masks = []
    for name in ("m.safetensors", "м.onnx"):
        network = load_network(folder / name, "cpu", "float32")
        assert network.facts.threshold == 0.4 and network.facts.classes == ("Отложения",)
        out = tmp_path / name
        with OutputFolder(out, {"classes": list(network.facts.classes)}) as output:
            predict(network, pictures, output, Whole((64, 96)), Options(soft=True), totals=Totals())
        masks.append([read_mask(file).astype(int) for file in sorted((out / "masks").iterdir())])
    assert len(masks[0]) == 5 and any(mask.std() > 1 for mask in masks[0])
    assert all(np.abs(one - other).max() <= 1 for one, other in zip(*masks, strict=True))
    network = load_network(folder / "м.onnx")
    with pytest.raises(BadInput, match="takes 64x96 only"):
        choose_cover(network, (96, 96), 0.5)
    with pytest.raises(BadInput, match="computes in float32"):
        load_network(folder / "м.onnx", "cpu", "bfloat16")


@pytest.mark.slow
def test_a_network_that_differs_leaves_no_file(tmp_path):
    save_random(tmp_path / "m.safetensors", "UNet")
    (tmp_path / "old.onnx").write_text("an older one")
    with pytest.raises(RunFailed, match="differ from torch's by up to"):
        # two float32 sums in different order are never the same to the last bit everywhere
        export_onnx(tmp_path / "m.safetensors", tmp_path / "old.onnx", tolerance=0)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.safetensors", "old.onnx"]
    assert (tmp_path / "old.onnx").read_text() == "an older one"


def test_files_that_are_no_exported_network(tmp_path):
    (tmp_path / "text.onnx").write_text("hello")
    (tmp_path / "empty.onnx").write_text("")
    helper = onnx.helper
    value = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("a", "b")]
    graph = helper.make_graph([helper.make_node("Relu", ["a"], ["b"])], "g", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, str(tmp_path / "foreign.onnx"))
    for name in ("text", "empty", "foreign", "missing"):
        with pytest.raises(BadInput) as caught:
            OnnxNetwork(tmp_path / f"{name}.onnx", torch.device("cpu"))
        assert f"{name}.onnx" in str(caught.value) and "\n" not in str(caught.value)


def test_out_must_be_an_onnx_file(tmp_path):
    with pytest.raises(BadInput, match=r"must end in \.onnx"):
        export_onnx(tmp_path / "m.safetensors", tmp_path / "m.safetensors")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(BadInput, match="is a folder"):
        export_onnx(tmp_path / "m.safetensors", tmp_path / "folder.onnx")
    with pytest.raises(BadInput, match="no such checkpoint"):
        export_onnx(tmp_path / "m.safetensors", tmp_path / "new" / "m.onnx")
    assert not (tmp_path / "new").exists()
