"""The config of a refine run in the tiny workshop; which refiner is each test's own."""

REFINING = {
    "stage": "refine",
    "defect_class": "deposition",
    "source_dataset": "tiny",
    "baseline_dataset": "tiny_deposition_BASELINE",
    "validation_dataset": "tiny_deposition_BASELINE_VAL",
    "evaluation_dataset": "tiny_deposition_EVAL",
    "hybrid_dataset": "tiny_deposition_H1",
    "batch_size": 4,
    "device": "cpu",
}
