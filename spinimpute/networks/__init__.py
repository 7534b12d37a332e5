"""Networks of the paper (Rastogi et al., ICLR 2023) and its baselines, for tables whose columns are fixed.

They are trained for one window each and are kept for research; `spinimpute.spin` is what imputes.
"""
