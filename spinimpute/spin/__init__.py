"""The semi-parametric inducing point network: by torch for training and GPUs, compiled for the CPU.

It imports nothing of the rest of spinimpute but its errors, and where the models are.
"""
