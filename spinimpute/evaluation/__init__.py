"""Imputed dosages against the truth: read side by side in blocks, summed up, written as tables."""
