"""DeepLabV3+ of segmentation_models.pytorch: which encoders it takes, its ImageNet weights, checkpoints."""
