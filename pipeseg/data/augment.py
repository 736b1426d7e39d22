"""Random changes of training pictures, by albumentations: those that a camera in a pipe makes, and no others."""

import numpy as np


class Augmenter:
    """Flips left-right, moves, scales, turns within 15 degrees, and changes light and colour.

    No vertical flip: sediment lies at the bottom. The result depends only on (seed, draw), so that it is the same for
    any number of loader processes.
    """

    def __init__(self, seed: int):
        # imported here: two seconds that a run without augmentation need not pay
        import albumentations as A
        import cv2

        self.seed = seed
        self._change = A.Compose(
            [
                A.HorizontalFlip(p=0.5),
                A.Affine(
                    scale=(0.85, 1.2),
                    translate_percent=(-0.08, 0.08),
                    rotate=(-15, 15),
                    border_mode=cv2.BORDER_REFLECT_101,
                    p=0.7,
                ),
                A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.2, p=0.6),
                A.HueSaturationValue(hue_shift_limit=6, sat_shift_limit=20, val_shift_limit=0, p=0.3),
            ]
        )

    def __call__(self, image: np.ndarray, mask: np.ndarray, draw: int) -> tuple[np.ndarray, np.ndarray]:
        """Change one pair: RGB uint8 (H, W, 3) and mask uint8 (H, W). `draw` counts the samples of the whole run."""
        seed = np.random.SeedSequence([self.seed, draw]).generate_state(1)[0]
        self._change.set_random_seed(int(seed))
        changed = self._change(image=image, mask=mask)
        return changed["image"], changed["mask"]
