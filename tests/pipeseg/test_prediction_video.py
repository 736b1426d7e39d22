"""Videos: sampled frames, their times, the overlay video, and files that break off."""

import csv

import cv2
import numpy as np
import pytest
import torch
from pycocotools.coco import COCO

from pipeseg.data.pictures import read_mask
from pipeseg.errors import BadInput
from pipeseg.prediction.covering import Whole
from pipeseg.prediction.networks import Facts, TorchNetwork
from pipeseg.prediction.output import OutputFolder
from pipeseg.prediction.predict import Options, Totals, predict
from pipeseg.prediction.video import OverlayVideo, Video
from pipeseg.training.device import Hardware

FRAMES, RATE, HEIGHT, WIDTH = 23, 10, 64, 96


class Bright(torch.nn.Module):
    def forward(self, x):
        return (x.mean(1, keepdim=True) - 0.2) * 20


NETWORK = TorchNetwork(Bright(), Facts(("x",), 0.5, (64, 96), "toy", 1), Hardware.choose("cpu", "float32"))


def left_of(index: int) -> int:
    """Return where the bright block of a frame begins: its place tells the frame."""
    return 3 * index


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Motion JPEG in AVI: every frame stands alone, so that a file can be cut."""
    path = tmp_path_factory.mktemp("video") / "мой проход.avi"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), RATE, (WIDTH, HEIGHT))
    for index in range(FRAMES):
        frame = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
        frame[20:50, left_of(index) : left_of(index) + 24] = 230
        writer.write(frame)
    writer.release()
    return path


def run(path, out, *, every=1, options=None, stop_after=None):
    """Predict a video as the job does; return (totals, what it says at the end, keys that were done before)."""
    totals = Totals()
    with Video(path) as video, OutputFolder(out, {"classes": ["x"]}, resume=out.exists()) as folder:
        done = set(folder.done)
        items = video.items(every, done)
        if stop_after:
            items = (item for item, _ in zip(items, range(stop_after), strict=False))
        with OverlayVideo(out / "overlays" / f"v{len(done)}.mp4", video.frames_per_second) as overlay:
            options = options or Options()
            predict(NETWORK, items, folder, Whole((64, 96)), options, totals=totals, workers=2, see=overlay.add)
        return totals, video.shortfall, done


def read_frames(path) -> list[np.ndarray]:
    capture, frames = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return frames


@pytest.mark.parametrize("every", [1, 5])
def test_sampled_frames_with_their_times(video, tmp_path, every):
    totals, shortfall, _ = run(video, tmp_path / "out", every=every)
    wanted = list(range(0, FRAMES, every))
    assert totals.pictures == len(wanted) and totals.having == len(wanted) and shortfall is None
    with open(tmp_path / "out" / "predictions.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == wanted
    assert [float(row["seconds"]) for row in rows] == pytest.approx([index / RATE for index in wanted], abs=1e-3)
    for row, index in zip(rows, wanted, strict=True):
        assert row["mask"] == f"masks/мой проход_{index:06}.png"
        found = read_mask(tmp_path / "out" / row["mask"]) > 0
        truth = np.zeros((HEIGHT, WIDTH), bool)
        truth[20:50, left_of(index) : left_of(index) + 24] = True
        assert (found & truth).sum() / (found | truth).sum() > 0.9  # of this frame, not of its neighbour
    coco = COCO(str(tmp_path / "out" / "predictions.coco.json"))
    assert [facts["frame"] for facts in coco.loadImgs(coco.getImgIds())] == wanted
    shown = read_frames(tmp_path / "out" / "overlays" / "v0.mp4")
    assert len(shown) == len(wanted) and shown[0].shape == (HEIGHT, WIDTH, 3)
    for frame, index in zip(shown, wanted, strict=True):
        inside = frame[25:45, left_of(index) + 5 : left_of(index) + 19].reshape(-1, 3).mean(0)
        assert inside[2] > inside[0] + 20  # tinted red, in BGR
    assert sorted(p.name for p in (tmp_path / "out" / "overlays").iterdir()) == ["v0.mp4"]


def test_a_video_that_breaks_off_keeps_its_frames(video, tmp_path):
    cut = tmp_path / "cut.avi"
    cut.write_bytes(video.read_bytes()[: int(video.stat().st_size * 0.6)])
    totals, shortfall, _ = run(cut, tmp_path / "out")
    assert 8 < totals.pictures < FRAMES
    assert shortfall and str(cut) in shortfall and str(FRAMES) in shortfall
    assert len(read_frames(tmp_path / "out" / "overlays" / "v0.mp4")) == totals.pictures


def test_a_video_goes_on_after_its_last_frame(video, tmp_path):
    first, _, _ = run(video, tmp_path / "out", stop_after=7)
    assert first.pictures == 7
    second, shortfall, done = run(video, tmp_path / "out")
    assert len(done) == 7 and second.pictures == FRAMES - 7 and shortfall is None
    with open(tmp_path / "out" / "predictions.csv", newline="", encoding="utf-8") as file:
        assert [int(row["frame"]) for row in csv.DictReader(file)] == list(range(FRAMES))
    assert [len(read_frames(tmp_path / "out" / "overlays" / f"v{n}.mp4")) for n in (0, 7)] == [7, FRAMES - 7]


def test_no_overlays_no_overlay_video(video, tmp_path):
    run(video, tmp_path / "out", options=Options(overlays=False))
    assert not (tmp_path / "out" / "overlays").exists() and len(list((tmp_path / "out" / "masks").iterdir())) == FRAMES


def test_odd_sizes_can_be_written(tmp_path):
    with OverlayVideo(tmp_path / "odd.mp4", 5) as video:
        for _ in range(3):
            video.add(np.full((61, 97, 3), 120, np.uint8))
    frames = read_frames(tmp_path / "odd.mp4")
    assert len(frames) == 3 and all(abs(a - b) <= 1 for a, b in zip(frames[0].shape, (61, 97, 3), strict=True))


def test_a_file_that_is_no_video(tmp_path):
    (tmp_path / "text.mp4").write_text("hello")
    for path in (tmp_path / "text.mp4", tmp_path / "missing.mp4", tmp_path):
        with pytest.raises(BadInput) as caught:
            Video(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
