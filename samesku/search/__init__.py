"""From embeddings to matches: fusion, neighbours, decisions. NumPy and FAISS, no torch."""
