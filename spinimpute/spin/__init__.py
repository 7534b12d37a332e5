"""The semi-parametric inducing point network; imports torch and nothing of the rest of spinimpute but its
errors.
"""
