"""Random changes of training pictures, by albumentations: those that a camera in a pipe makes, and no others."""

import os

import numpy as np


class Augmenter:
    """Flips left-right, moves, scales, turns within 15 degrees, and changes light and colour.

    No vertical flip: sediment lies at the bottom. The result depends only on (seed, draw), so that it is the same for
    any number of loader processes.
    """

    def __init__(self, seed: int, *, moves: bool = True):
        """Prepare the changes; with `moves` false, a picture is flipped and lit differently, but stays in its place."""
        # else it asks the package index for a newer version of itself, and waits where there is no way out
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
        # imported here: two seconds that a run without augmentation need not pay
        import albumentations as A
        import cv2

        self.seed = seed
        affine = A.Affine(
            scale=(0.85, 1.2),
            translate_percent=(-0.08, 0.08),
            rotate=(-15, 15),
            border_mode=cv2.BORDER_REFLECT_101,
            p=0.7,
        )
        self._change = A.Compose(
            [
                A.HorizontalFlip(p=0.5),
                *([affine] if moves else []),
                A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.2, p=0.6),
                A.HueSaturationValue(hue_shift_limit=6, sat_shift_limit=20, val_shift_limit=0, p=0.3),
            ]
        )

    def __call__(self, image: np.ndarray, mask: np.ndarray, draw: int) -> tuple[np.ndarray, np.ndarray]:
        """Change RGB uint8 (H, W, 3) and its masks, uint8 (H, W[, planes]). `draw` counts the samples of the run."""
        seed = np.random.SeedSequence([self.seed, draw]).generate_state(1)[0]
        self._change.set_random_seed(int(seed))
        changed = self._change(image=image, mask=mask)
        return changed["image"], changed["mask"]
