"""A run's networks -> files that work without imbseg: ONNX, the format of segmentation_models.pytorch, a model card."""
