"""What the inspection camera makes of the light: exposure, lens, sensor, captions, compression."""

from __future__ import annotations

import cv2
import numpy as np

from pipeseg.synthetic.scene import Light

REFERENCE_WIDTH = 320  # pixel sizes below are meant at this width


def develop(linear: np.ndarray, light: Light, rng: np.random.Generator) -> np.ndarray:
    """The finished frame, (H, W, 3) uint8 BGR, of linear light (H, W, 3) float32."""
    scale = linear.shape[1] / REFERENCE_WIDTH
    # The vignette takes a share of the light again.
    picture = expose(linear * np.asarray(light.balance, np.float32), 1.09 * light.exposure)
    picture = _lens(picture, scale, rng)
    picture = _sensor(picture, scale, rng)
    if rng.uniform() < 0.8:
        caption(picture, rng)
    if rng.uniform() < 0.5:
        bar = max(1, round(rng.uniform(2, 4) * scale))
        picture[:, :bar] = picture[:, -bar:] = 4
    return _compress(picture, int(rng.integers(45, 86)))


def expose(linear: np.ndarray, mean_luma: float) -> np.ndarray:
    """Tone-mapped picture (H, W, 3) float32 in 0..255 whose mean luma is ``mean_luma``."""
    sample = linear[::6, ::6]
    low, high = 0.05, 200.0
    for _ in range(18):  # the mean grows with the gain, so bisection finds it
        gain = float(np.sqrt(low * high))
        if _luma(_tone(sample, gain)) < mean_luma:
            low = gain
        else:
            high = gain
    return _tone(linear, gain)


def _tone(linear: np.ndarray, gain: float) -> np.ndarray:
    return 255 * (1 - np.exp(-gain * linear)) ** np.float32(1 / 1.4)


def _luma(picture: np.ndarray) -> float:
    return float(picture.reshape(-1, 3).mean(axis=0) @ np.array([0.114, 0.587, 0.299]))


def _lens(picture: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    height, width = picture.shape[:2]
    if rng.uniform() < 0.12:  # crawler jolts
        length = max(3, int(rng.uniform(3, 7) * scale) | 1)
        kernel = np.zeros((length, length), np.float32)
        cv2.line(kernel, (0, length // 2), (length - 1, length // 2), 1.0)
        turn = cv2.getRotationMatrix2D((length // 2, length // 2), rng.uniform(-30, 30), 1)
        kernel = cv2.warpAffine(kernel, turn, (length, length))
        picture = cv2.filter2D(picture, -1, kernel / kernel.sum())
    picture = cv2.GaussianBlur(picture, (0, 0), max(rng.uniform(0.4, 0.9) * scale, 0.3))
    if rng.uniform() < 0.4:  # sideways colour error
        shift = np.float32([[1, 0, rng.uniform(-0.8, 0.8) * scale], [0, 1, 0]])
        picture[..., 0] = cv2.warpAffine(
            np.ascontiguousarray(picture[..., 0]), shift, (width, height), borderMode=cv2.BORDER_REPLICATE
        )
    glow = cv2.GaussianBlur(np.maximum(picture - 200, 0), (0, 0), 6 * scale)
    y = ((np.arange(height, dtype=np.float32) + 0.5) / height - 0.5)[:, None]
    x = ((np.arange(width, dtype=np.float32) + 0.5) / width - 0.5)[None, :]
    vignette = 1 - rng.uniform(0.1, 0.5) * (x * x + y * y) * 2
    return (picture + 0.6 * glow) * vignette[..., None]


def _sensor(picture: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    sharpen = rng.uniform(0.2, 0.7)
    picture = picture + sharpen * (picture - cv2.GaussianBlur(picture, (0, 0), 1.2 * scale))
    sigma = rng.uniform(1.0, 3.5)
    grain = rng.standard_normal(picture.shape[:2], np.float32)[..., None]
    colour = cv2.resize(
        rng.standard_normal((picture.shape[0] // 2 + 1, picture.shape[1] // 2 + 1, 3), np.float32),
        picture.shape[1::-1],
        interpolation=cv2.INTER_LINEAR,
    )
    # Dark parts are amplified most, so they are the noisiest.
    strength = sigma * (1.25 - 0.6 * picture.clip(0, 255) / 255)
    picture = picture + strength * (0.85 * grain + 0.5 * colour)
    if rng.uniform() < 0.1:  # interlace comb of a moving camera
        picture[1::2] = np.roll(picture[1::2], int(rng.choice([-1, 1])), axis=1)
    return np.clip(picture, 0, 255).astype(np.uint8)


def caption(picture: np.ndarray, rng: np.random.Generator) -> None:
    """Burn the recorder's caption into ``picture``: white text with a black outline."""
    height, width = picture.shape[:2]
    vendor = rng.uniform() < 0.75
    place = f"{rng.choice(['w', 'y', ''])}{int(rng.integers(1, 230))}"
    zoom = int(rng.integers(1, 9))
    if vendor:
        mode = str(rng.choice(["Z_TELE", "Z_WIDE", "M_DOWN", "M_UP"]))
        lines = [
            (0.16, 0.13, f"O:{mode}"),
            (0.16, 0.195, f"ID:{place}"),
            (0.64, 0.13, f"Z:  {zoom}X"),
            (0.16, 0.89, "P: 0.00PSI"),
            (0.64, 0.89, "D:__.__M"),
        ]
    else:
        metres = rng.uniform(0.5, 90)
        lines = [
            (0.04, 0.09, f"MH{place}-MH{int(rng.integers(10, 99))}  DN{int(rng.choice([300, 400, 600]))}"),
            (0.68, 0.09, f"{metres:06.2f} m"),
            (0.04, 0.95, f"2024-{int(rng.integers(1, 13)):02d}-{int(rng.integers(1, 29)):02d}"),
        ]
    size = 0.72 * width / REFERENCE_WIDTH
    stroke = max(1, round(width / 400))
    ink = np.zeros((height, width), np.uint8)
    for x, y, text in lines:
        corner = (round(x * width), round(y * height))
        cv2.putText(ink, text, corner, cv2.FONT_HERSHEY_PLAIN, size, 255, stroke, cv2.LINE_AA)
        if text.startswith("ID:"):
            (run, tall), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_PLAIN, size, stroke)
            end = (corner[0] + run + round(0.02 * width), corner[1])
            cv2.rectangle(ink, (corner[0] + run + 1, corner[1] - tall), end, 255, -1)
    outline = cv2.dilate(ink, np.ones((2 * stroke + 1, 2 * stroke + 1), np.uint8))
    picture[outline > 90] = 8
    alpha = (ink / np.float32(255))[..., None]
    picture[:] = (picture * (1 - alpha) + 238 * alpha).astype(np.uint8)


def _compress(picture: np.ndarray, quality: int) -> np.ndarray:
    # The recorder's own compression; the file on disk is written once more, at high quality.
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)
