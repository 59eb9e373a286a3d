"""P×K metric learning: sampler, losses, towers, augmentation, training loop, checkpoints."""
