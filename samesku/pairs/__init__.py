"""Reranking: candidate pairs, their features and the model that judges them."""
