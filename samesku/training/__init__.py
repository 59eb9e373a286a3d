"""Training: batches, losses and towers, and the loop that keeps the best epoch."""
