"""Time, memory and disk that an imputation will need: a model of its cost with few coefficients.

Time: start-up; then reading the panel, imputing and writing, which overlap where there are several windows,
and share the threads. Memory: what is always there, the largest window with its flanks, and the batches under
way. Output: by record, by genotype, and by genotype that is not simply homozygous for the common allele.
"""

from __future__ import annotations

from dataclasses import dataclass

from spinimpute.config import ImputeConfig
from spinimpute.io.contents import Kind
from spinimpute.workload import Workload, survey

BLOCK_RECORDS = 1024  # read and packed at a time


@dataclass(frozen=True)
class Coefficients:
    """What each unit of work costs on a CPU core; benchmarks/speed/fit_estimate.py fits them.

    In seconds: start, and per panel allele read from VCF text, BCF, a prepared panel or VCF Zarr, per token,
    per panel allele and typed record put in order, per output genotype. In MB: base. In bytes: per panel bit
    of a window with its flanks, per dose of a window, per allele of a block, per allele of the target, per
    token of a batch; and of output: per record, per genotype, per genotype that carries the rarer allele,
    where output_growth is the power of the number of samples that genotypes count with, as more of them
    compress better.
    """

    # Times fitted to runs on two quiet cores (benchmarks/speed/README.md), memory to earlier ones; base and
    # batch_token so that hardly a run takes more memory than is said, as --memory relies on it. Alleles of
    # BCF and VCF Zarr: CPU time of reading, in benchmarks/speed/panel_formats.md. Output: earlier runs of
    # other cohorts.
    start: float = 2.3
    text_allele: float = 1.0e-9
    binary_allele: float = 0.6e-9
    prepared_allele: float = 0.11e-9
    zarr_allele: float = 3.9e-9
    token: float = 1.3e-6
    ordered_allele: float = 4.3e-9
    written_genotype: float = 45e-9
    base: float = 365.0
    packed_bit: float = 0.025
    dose: float = 0.67
    block_allele: float = 0.47
    target_allele: float = 1.9
    batch_token: float = 900.0
    output_record: float = 5.3
    output_genotype: float = 0.098
    output_carrier: float = 10.0
    output_growth: float = 0.9

    def read_allele(self, panel: Kind) -> float:
        """Seconds per allele of a panel of a kind."""
        return {
            Kind.TEXT: self.text_allele,
            Kind.BINARY: self.binary_allele,
            Kind.PREPARED: self.prepared_allele,
            Kind.ZARR: self.zarr_allele,
        }[panel]


COEFFICIENTS = Coefficients()
# What further fields add to the size of an output with GT:DS. As BCF it is about as large as VCF.gz.
AP_SIZE, GP_SIZE = 0.45, 0.6


@dataclass(frozen=True)
class MemoryParts:
    """Memory in MB: fixed, per variant of a core, per batch under way; core is how many variants the largest
    core has unless it is cut shorter.
    """

    fixed: float
    variant: float
    core: float
    batch: float


@dataclass(frozen=True)
class Estimate:
    """What an imputation is expected to take, and the counts that this follows from."""

    workload: Workload
    seconds: float
    memory_megabytes: float
    output_megabytes: float


def estimate(config: ImputeConfig) -> Estimate:
    """Estimate the cost of an imputation without imputing or writing; SpinImputeError as `survey`."""
    return predict(survey(config), config)


def predict(work: Workload, config: ImputeConfig, cost: Coefficients = COEFFICIENTS) -> Estimate:
    """Apply the cost model."""
    return Estimate(work, _seconds(work, cost), _megabytes(work, cost), _output(work, config, cost))


def _seconds(work: Workload, cost: Coefficients) -> float:
    read = cost.read_allele(work.panel) * work.read_records * work.panel_haplotypes
    impute = cost.token * work.tokens
    impute += cost.ordered_allele * work.windows.typed * work.panel_haplotypes
    write = cost.written_genotype * work.records * work.samples
    stages = (read, impute / work.threads, write)
    # While the slowest stage is at one window, the others are at its neighbours.
    overlapped = max(stages) + (sum(stages) - max(stages)) / work.windows.count
    return cost.start + max(overlapped, (read + impute + write) / work.threads)


def memory_parts(work: Workload, cost: Coefficients) -> MemoryParts:
    """What the memory of a job consists of."""
    windows, targets = work.windows, 2 * work.samples
    flanks = work.records * (windows.flanked_share - windows.share) * work.panel_haplotypes
    block = min(BLOCK_RECORDS, work.records) * work.panel_haplotypes
    one_target = windows.most_tokens
    batch = min(max(work.batch_tokens, one_target), one_target * targets)
    fixed = cost.packed_bit * flanks + cost.block_allele * block
    fixed += cost.target_allele * windows.typed * targets
    return MemoryParts(
        fixed=cost.base + fixed / 1e6,
        variant=(cost.dose * targets + cost.packed_bit * work.panel_haplotypes) / 1e6,
        core=work.records * windows.share,
        batch=cost.batch_token * batch / 1e6,
    )


def _megabytes(work: Workload, cost: Coefficients) -> float:
    parts = memory_parts(work, cost)
    return parts.fixed + parts.core * parts.variant + parts.batch * work.threads


def _output(work: Workload, config: ImputeConfig, cost: Coefficients) -> float:
    genotype = cost.output_genotype + cost.output_carrier * work.minor_share
    size: float = work.records * (cost.output_record + genotype * work.samples**cost.output_growth)
    return size * (1 + AP_SIZE * config.ap + GP_SIZE * config.gp) / 1e6
