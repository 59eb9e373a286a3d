"""From neighbours and labels to numbers: decisions, metrics, clusters, predictions."""
