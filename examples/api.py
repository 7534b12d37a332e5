# %% [markdown]
# # spinimpute from Python
#
# Run it as a script, `python examples/api.py OUT`, or cell by cell as a notebook in an editor that knows
# `# %%`. It imputes the example data, loads the result as an xarray Dataset, and draws what one wants to know
# afterwards: how good is it, and is DR2 to be trusted? Needs the extra "xarray".

# %%
from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import spinimpute

HERE = Path(__file__).parent if "__file__" in globals() else Path("examples")
OUT = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
OUT.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# The options are those of `spinimpute impute`. A fault in the input raises `spinimpute.SpinImputeError`; its
# text is the line that the command would show.

# %%
summary = spinimpute.impute(
    ref=HERE / "panel.vcf.gz", gt=HERE / "target.vcf.gz", map=HERE / "plink.map", out=OUT / "api.vcf.gz"
)
print(f"{summary.imputed:,} variants imputed for {summary.samples} samples, mean DR2 {summary.mean_dr2:.3f}")

# %% [markdown]
# One chromosome of the result as a Dataset. Variables and dimensions have sgkit's names.

# %%
imputed = spinimpute.load_dataset(summary.output, chrom="1")
print(imputed)

common = imputed.sel(variants=(imputed.variant_AF > 0.05) & (imputed.variant_AF < 0.95))
print(f"{common.sizes['variants']:,} common variants, mean dosage {float(common.call_dosage.mean()):.3f}")

# %% [markdown]
# The truth is known here, so the estimates can be checked.

# %%
found = spinimpute.evaluate(
    truth=HERE / "truth.vcf.gz",
    imputed=summary.output,
    ref=HERE / "panel.vcf.gz",
    typed=HERE / "target.vcf.gz",
)
print(f"r2 at untyped sites {found.overall.r2:.4f}")

truth = spinimpute.load_dataset(HERE / "truth.vcf.gz", chrom="1")
doses, true = imputed.call_dosage.values, truth.call_dosage.values
minor = np.minimum(true.sum(axis=1), (2 - true).sum(axis=1))
varies = (minor >= 5) & (doses.std(axis=1) > 0) & imputed.variant_IMP.values  # fewer carriers say little
r2 = np.array([np.corrcoef(x, y)[0, 1] ** 2 for x, y in zip(doses[varies], true[varies], strict=True)])

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot([row.name for row in found.by_maf], [row.r2 for row in found.by_maf], "o-")
left.set(
    xlabel="MAF in the panel", ylabel="r2 of dosage and truth", title="Accuracy by frequency", ylim=(0, 1)
)
right.scatter(imputed.variant_DR2.values[varies], r2, s=4, alpha=0.3)
right.axline((0, 0), slope=1, color="grey", linewidth=1)
right.set(
    xlabel="DR2, estimated without the truth", ylabel="r2 with the truth", title="Is DR2 to be trusted?"
)
figure.savefig(OUT / "api.png", dpi=110)
