"""Training: sources of haplotypes, pseudo-targets drawn from them, batches and the optimisation loop."""
