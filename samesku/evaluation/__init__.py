"""From matches and labels to numbers: F1, retrieval metrics, intervals, curves. NumPy alone."""
