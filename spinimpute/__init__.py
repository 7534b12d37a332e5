"""Genotype imputation with semi-parametric inducing point networks."""

from __future__ import annotations

__version__ = "0.1.0"
