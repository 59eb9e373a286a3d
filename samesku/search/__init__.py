"""From embeddings to neighbours: fusion, the scorer, search. Torch and Ray are imported only where used."""
