"""What the inspection camera makes of the light: exposure, lens, sensor, captions, compression."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeseg.synthetic.scene import Light
from pipeseg.synthetic.surface import spread

LAMP_SHARE, DROPLET_SHARE = 0.08, 0.12
REFERENCE_WIDTH = 320  # pixel sizes below are meant at this width
Caption = tuple[tuple[float, float, str], ...]  # where each line starts, in shares of width and height, and its text


@dataclass(frozen=True, slots=True)
class Look:
    """One camera and recorder; lengths in pixels at the reference width.

    Attributes:
        jolt: length and angle (degrees) of the motion blur, None for a crawler at rest.
        fringe: how far blue lies beside red.
        vignette: share of the light that the corners lose; sharpen: gain of the recorder's edges; noise: grey levels.
        comb: sideways shift of every second line; bar: width of the black side bars; quality: of the JPEG.
        lamps: x, y (shares of the picture), radius and grey levels of the lamps' reflections.
        droplets: x, y (shares of the picture) and radius of the water on the glass.
    """

    blur: float
    jolt: tuple[float, float] | None
    fringe: float
    vignette: float
    sharpen: float
    noise: float
    comb: int
    bar: float
    quality: int
    lamps: tuple[tuple[float, float, float, float], ...] = ()
    droplets: tuple[tuple[float, float, float], ...] = ()


def sample_look(rng: np.random.Generator) -> Look:
    """Draw a camera."""
    return Look(
        blur=rng.uniform(0.25, 0.55),
        jolt=(rng.uniform(3, 7), rng.uniform(-30, 30)) if rng.uniform() < 0.12 else None,
        fringe=rng.uniform(-0.8, 0.8) if rng.uniform() < 0.4 else 0.0,
        vignette=rng.uniform(0.1, 0.5),
        sharpen=rng.uniform(0.4, 1.3),
        noise=rng.uniform(1.0, 3.5),
        comb=int(rng.choice([-1, 1])) if rng.uniform() < 0.1 else 0,
        bar=rng.uniform(2, 4) if rng.uniform() < 0.5 else 0.0,
        quality=int(rng.integers(45, 86)),
        lamps=_sample_lamps(rng) if rng.uniform() < LAMP_SHARE else (),
        droplets=_sample_droplets(rng) if rng.uniform() < DROPLET_SHARE else (),
    )


def _sample_lamps(rng: np.random.Generator) -> tuple[tuple[float, float, float, float], ...]:
    # Lamps sit left and right of the lens, and so do their reflections.
    y, apart, strength = rng.uniform(0.25, 0.7), rng.uniform(0.03, 0.12), rng.uniform(60, 190)
    x = 0.5 + rng.normal(0, 0.1)
    return tuple((x + side * apart, y + rng.normal(0, 0.01), rng.uniform(4, 10), strength) for side in (-1, 1))


def _sample_droplets(rng: np.random.Generator) -> tuple[tuple[float, float, float], ...]:
    return tuple(
        (rng.uniform(0.05, 0.95), rng.uniform(0.05, 0.95), rng.uniform(3, 13)) for _ in range(int(rng.integers(1, 7)))
    )


def sample_caption(rng: np.random.Generator) -> Caption:
    """Draw the text of one of two recorders, empty for one that writes none."""
    place = f"{rng.choice(['w', 'y', ''])}{int(rng.integers(1, 230))}"
    vendor = rng.uniform()
    if vendor < 0.2:
        return ()
    if vendor < 0.8:
        mode = str(rng.choice(["Z_TELE", "Z_WIDE", "M_DOWN", "M_UP"]))
        return (
            (0.16, 0.13, f"O:{mode}"),
            (0.16, 0.195, f"ID:{place}"),
            (0.64, 0.13, f"Z:  {int(rng.integers(1, 9))}X"),
            (0.16, 0.89, "P: 0.00PSI"),
            (0.64, 0.89, "D:__.__M"),
        )
    day = f"2024-{int(rng.integers(1, 13)):02d}-{int(rng.integers(1, 29)):02d}"
    time = f"{int(rng.integers(7, 19)):02d}:{int(rng.integers(0, 60)):02d}:{int(rng.integers(0, 60)):02d}"
    return (
        (0.04, 0.09, f"MH{place}-MH{int(rng.integers(10, 99))}  DN{int(rng.choice([300, 400, 600]))}"),
        (0.68, 0.09, f"{rng.uniform(0.5, 90):06.2f} m"),
        (0.04, 0.95, f"{day} {time}"),
    )


def develop(linear: np.ndarray, light: Light, look: Look, caption: Caption, rng: np.random.Generator) -> np.ndarray:
    """The finished frame, (H, W, 3) uint8 BGR, of linear light (H, W, 3) float32; ``rng`` makes the sensor's noise."""
    scale = linear.shape[1] / REFERENCE_WIDTH
    channels = [channel * np.float32(gain) for channel, gain in zip(cv2.split(linear), light.balance, strict=True)]
    # The vignette takes a share of the light again.
    picture = expose(cv2.merge(channels), 1.09 * light.exposure)
    picture = _lens(picture, look, scale)
    picture = _sensor(picture, look, scale, rng)
    write_caption(picture, caption)
    if look.bar:
        bar = max(1, round(look.bar * scale))
        picture[:, :bar] = picture[:, -bar:] = 4
    return compressed(picture, look.quality)


def expose(linear: np.ndarray, mean_luma: float) -> np.ndarray:
    """Tone-mapped picture (H, W, 3) float32 in 0..255 whose mean luma is ``mean_luma``."""
    sample = np.ascontiguousarray(linear[::6, ::6])
    low, high = 0.05, 200.0
    for _ in range(18):  # the mean grows with the gain, so bisection finds it
        gain = float(np.sqrt(low * high))
        if _luma(_tone(sample, gain)) < mean_luma:
            low = gain
        else:
            high = gain
    return _tone(linear, gain)


def _tone(linear: np.ndarray, gain: float) -> np.ndarray:
    return 255 * cv2.pow(1 - cv2.exp(linear * np.float32(-gain)), 1 / 1.4)


def _luma(picture: np.ndarray) -> float:
    return float(picture.reshape(-1, 3).mean(axis=0) @ np.array([0.114, 0.587, 0.299]))


def _lens(picture: np.ndarray, look: Look, scale: float) -> np.ndarray:
    height, width = picture.shape[:2]
    if look.jolt is not None:  # crawler jolts
        length = max(3, int(look.jolt[0] * scale) | 1)
        kernel = np.zeros((length, length), np.float32)
        cv2.line(kernel, (0, length // 2), (length - 1, length // 2), 1.0)
        turn = cv2.getRotationMatrix2D((length // 2, length // 2), look.jolt[1], 1)
        kernel = cv2.warpAffine(kernel, turn, (length, length))
        picture = cv2.filter2D(picture, -1, kernel / kernel.sum())
    # Larger pictures come from better lenses: their blur grows less than their size.
    picture = cv2.GaussianBlur(picture, (0, 0), max(look.blur * np.sqrt(scale), 0.3))
    if look.fringe:  # sideways colour error
        shift = np.float32([[1, 0, look.fringe * scale], [0, 1, 0]])
        picture[..., 0] = cv2.warpAffine(
            np.ascontiguousarray(picture[..., 0]), shift, (width, height), borderMode=cv2.BORDER_REPLICATE
        )
    for lamp in look.lamps:
        _add_lamp(picture, *lamp, scale)
    for droplet in look.droplets:
        _lay_droplet(picture, *droplet, scale)
    glow = cv2.GaussianBlur(np.maximum(picture - 200, 0), (0, 0), 6 * scale)
    y = ((np.arange(height, dtype=np.float32) + 0.5) / height - 0.5)[:, None]
    x = ((np.arange(width, dtype=np.float32) + 0.5) / width - 0.5)[None, :]
    shaded = 1 - look.vignette * (x * x + y * y) * 2
    return (picture + 0.6 * glow) * spread(shaded)


def _patch(picture: np.ndarray, x: float, y: float, reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A view of the picture within ``reach`` pixels of a place (shares), and its pixels' offsets from there."""
    height, width = picture.shape[:2]
    cx, cy = x * width, y * height
    x0, x1 = (int(np.clip(v, 0, width)) for v in (cx - reach, cx + reach + 1))
    y0, y1 = (int(np.clip(v, 0, height)) for v in (cy - reach, cy + reach + 1))
    dy, dx = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    return picture[y0:y1, x0:x1], dx - np.float32(cx), dy - np.float32(cy)


def _add_lamp(picture: np.ndarray, x: float, y: float, radius: float, strength: float, scale: float) -> None:
    part, dx, dy = _patch(picture, x, y, 4 * radius * scale)
    # A streak along the wall around a burnt-out core.
    core = np.exp(-(dx * dx + dy * dy * 0.45) / (radius * scale) ** 2)
    part += (strength * core)[..., None]


def _lay_droplet(picture: np.ndarray, x: float, y: float, radius: float, scale: float) -> None:
    part, dx, dy = _patch(picture, x, y, radius * scale + 1)
    if part.size == 0:
        return
    far = np.hypot(dx, dy) / (radius * scale)
    cover = (np.clip((1 - far) * 3, 0, 1) * 0.85)[..., None]
    # A small lens: it shows its surroundings upside down, with a bright lower edge and a dark upper one.
    upside_down = cv2.GaussianBlur(part[::-1, ::-1], (0, 0), max(0.12 * radius * scale, 0.5))
    edge = (30 * far * far * np.sign(dy) * np.abs(dy) / (radius * scale))[..., None]
    part += cover * (upside_down + edge - part)


def _sensor(picture: np.ndarray, look: Look, scale: float, rng: np.random.Generator) -> np.ndarray:
    # The recorder's edges have a limit, or fine rings would turn into black and white.
    edges = np.clip(picture - cv2.GaussianBlur(picture, (0, 0), 0.9 * scale), -20, 20)
    picture = picture + look.sharpen * edges
    grain = rng.standard_normal(picture.shape[:2], np.float32)
    colour = cv2.resize(
        rng.standard_normal((picture.shape[0] // 2 + 1, picture.shape[1] // 2 + 1, 3), np.float32),
        picture.shape[1::-1],
        interpolation=cv2.INTER_LINEAR,
    )
    # Dark parts are amplified most, so they are the noisiest.
    strength = look.noise * (1.25 - 0.6 * picture.clip(0, 255) / 255)
    picture = picture + strength * (0.85 * spread(grain) + 0.5 * colour)
    if look.comb:  # interlace comb of a moving camera
        picture[1::2] = np.roll(picture[1::2], look.comb, axis=1)
    return np.clip(picture, 0, 255).astype(np.uint8)


def write_caption(picture: np.ndarray, caption: Caption) -> None:
    """Burn the recorder's caption into ``picture`` (H, W, 3) uint8: white text with a black outline."""
    if not caption:
        return
    height, width = picture.shape[:2]
    size = 0.72 * width / REFERENCE_WIDTH
    stroke = max(1, round(width / 400))
    ink = np.zeros((height, width), np.uint8)
    for x, y, text in caption:
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


def compressed(picture: np.ndarray, quality: int) -> np.ndarray:
    """The picture after the recorder's own JPEG; the file on disk is written once more, at high quality."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)
