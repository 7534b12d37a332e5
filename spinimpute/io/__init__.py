"""Readers and writers of files: nothing here computes a genotype."""

from __future__ import annotations
