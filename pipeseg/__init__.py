"""The segmentation library: data, models, losses, metrics, training, refinement. It knows nothing above it."""
