"""Training runs as params.yaml has them: what they read, how they are laid out, and judged on val."""
