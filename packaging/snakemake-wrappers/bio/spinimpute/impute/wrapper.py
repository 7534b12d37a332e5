__author__ = "The spinimpute authors"
__copyright__ = "Copyright 2026, the spinimpute authors"
__license__ = "MIT"

from snakemake.shell import shell

log = snakemake.log_fmt_shell(stdout=True, stderr=True)
extra = snakemake.params.get("extra", "")

options = {
    "--map": snakemake.input.get("map"),
    "--excludesamples": snakemake.input.get("excludesamples"),
    "--excludemarkers": snakemake.input.get("excludemarkers"),
    "--model": snakemake.params.get("model"),
    "--chrom": snakemake.params.get("region"),
}
words = [word for name, value in options.items() if value for word in (name, value)]
if snakemake.output.get("report"):
    words.append("--report")

shell(
    "spinimpute impute --ref {snakemake.input.ref:q} --gt {snakemake.input.gt:q}"
    " --out {snakemake.output[0]:q} --nthreads {snakemake.threads} {words:q} {extra} {log}"
)
