"""Run a job with its progress on the terminal, and report what came out."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from spinimpute.cli.meter import Meter, Silence, open_meter
from spinimpute.cli.report import Journal, duration, megabytes, print_table, write_log
from spinimpute.cli.run_report import check_inputs, write_report
from spinimpute.config import CalibrateConfig, ImputeConfig, InputConfig, TrainConfig
from spinimpute.io.outputs import OutputNames
from spinimpute.provenance import command_line

if TYPE_CHECKING:
    from spinimpute.estimate import Estimate
    from spinimpute.tally import ImputeSummary, WindowDone


@dataclass(frozen=True)
class Shown:
    """What of a job's progress is shown: warnings alone if quiet, JSON lines if asked for."""

    quiet: bool = False
    as_json: bool = False

    def meter(self) -> Meter:
        """The meter that shows it."""
        return open_meter(self.quiet, self.as_json)


def run_impute(config: ImputeConfig, shown: Shown, notes: Sequence[str] = (), report: bool = False) -> None:
    """Impute, leave PREFIX.log and print the summary; SpinImputeError as `pipeline.impute`.

    notes are lines for log and terminal; report asks for the page too.
    """
    from spinimpute.pipeline import impute

    if report:
        check_inputs(config)
    journal = Journal()
    journal.add("started")
    with shown.meter() as meter, hearing(journal, meter):
        for note in notes:
            journal.add(note)
            meter.log(note)
        summary = impute(config, ImputeProgress(meter, journal))
        if report:
            meter.log("the report reads output, panel and target once more")
        meter.finish(records=summary.records, output=str(summary.output))
    close_imputation(config, summary, journal, shown, report)


def close_imputation(
    config: ImputeConfig, summary: ImputeSummary, journal: Journal, shown: Shown, report: bool = False
) -> None:
    """Leave PREFIX.log, and the page if asked for, and print the summary."""
    journal.add("finished")
    totals = _totals(summary)
    fates = {fate: f"{count:,}" for fate, count in summary.fates.items()}
    sections = {"target variants": fates, "summary": totals}
    log = OutputNames.from_out(config.out, config.out_format).log
    write_log(log, command_line(sys.argv), _parameters(config), journal, sections)
    if report:
        totals |= write_report(config, summary, journal.warnings, totals)
    if not shown.quiet:
        print_table(totals)


def run_dry(config: ImputeConfig, notes: Sequence[str] = ()) -> None:
    """Print the plan of an imputation and what it will need; SpinImputeError as `estimate.estimate`."""
    from spinimpute.estimate import estimate

    for note in notes:
        print(note, file=sys.stderr)
    print_table(_plan(estimate(config)))


def run_check(config: InputConfig, out: str | None) -> None:
    """Check the input of an imputation and print what was found; SpinImputeError as `checking.check`.

    With out, a prefix or name as of an imputation's output, the fate table is written beside it.
    """
    from spinimpute.checking import check

    names = OutputNames.from_out(out) if out is not None else None
    with hearing(Journal(), Silence()):
        found = check(config, names)
    rows = {
        "samples": f"{found.samples:,}",
        "panel haplotypes": f"{found.panel_haplotypes:,}",
        "chromosomes": ", ".join(found.chromosomes),
        "panel records": f"{found.records:,}",
        "target records": f"{sum(found.fates.values()):,}",
        **{f"  {fate}": f"{count:,}" for fate, count in found.fates.items()},
        "unphased genotypes": f"{found.unphased:,}",
        "time": duration(found.seconds),
    }
    print_table(rows | ({"fate table": str(names.variants)} if names else {}))


def run_train(config: TrainConfig, quiet: bool) -> None:
    """Train and print where the model is, if this is the first of the processes that train together;
    SpinImputeError as `training.loop.train`.
    """
    from spinimpute.training.loop import train
    from spinimpute.training.ranks import leads

    quiet = quiet or not leads()
    with open_meter(quiet) as meter:
        summary = train(config, TrainProgress(meter))
    if not quiet:
        print_table(
            {
                "steps": f"{summary.steps:,}",
                "validation loss": f"{summary.loss:.5f} nats",
                "validation r2": f"{summary.r2:.4f}",
                "time": duration(summary.seconds),
                "model": str(summary.model),
            }
        )


def run_calibrate(config: CalibrateConfig, quiet: bool) -> None:
    """Calibrate and print what came of it; SpinImputeError as `training.calibration.calibrate`."""
    from spinimpute.training.calibration import calibrate

    with open_meter(quiet) as meter, hearing(Journal(), meter):
        found = calibrate(config, CalibrationProgress(meter))
        if not found.kept:
            meter.log(
                "the model is kept as it is: corrections did not help people they were not learned from"
            )
    if not quiet:
        print_table(
            {
                "people": f"{found.people:,}",
                "alleles": f"{found.alleles:,}",
                "corrected": f"{found.corrected:,}",
                "fewer errors": f"{1 - found.after / found.before:.1%}" if found.kept else "0.0%",
                "time": duration(found.seconds),
                "model": str(found.model),
            }
        )


class ImputeProgress:
    """Hears the pipeline."""

    def __init__(self, meter: Meter, journal: Journal) -> None:
        self._meter = meter
        self._journal = journal
        self._windows = 0
        self._began = time.monotonic()

    def window(self, share: float, done: WindowDone) -> None:
        """Show where the last window ended; the log keeps its size and the time since the start too."""
        self._windows += 1
        seconds = time.monotonic() - self._began
        place = f"[{done.chrom}:{done.first}-{done.last}]"
        rate = self._windows / seconds
        text = f"{done.chrom}:{done.last:,}, window {self._windows}, {rate:.2f} windows/s"
        self._meter.update(share, text, window=self._windows, **asdict(done))
        self._journal.add(
            f"window {self._windows} {place}: {done.records:,} panel records, {done.typed:,} typed, "
            f"done after {duration(seconds)}"
        )


class TrainProgress:
    """Hears the training."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._stepped = False

    def step(self, step: int, steps: int, loss: float, rate: float) -> None:
        """Show the step, its loss in nats and the rate in steps per second."""
        if not self._stepped:
            # Drawing tasks came before it, or the steps of an earlier run.
            self._meter.restart(step / steps)
            self._stepped = True
        text = f"step {step:,} of {steps:,}, loss {loss:.4f}, {rate:.1f} steps/s"
        self._meter.update(step / steps, text, step=step, steps=steps, loss=loss)

    def validation(self, step: int, loss: float, r2: float) -> None:
        """Show a line for each validation."""
        self._meter.log(f"step {step:,}: validation loss {loss:.5f} nats, r2 {r2:.4f}")

    def log(self, message: str) -> None:
        """Show a line."""
        self._meter.log(message)


class CalibrationProgress:
    """Hears a calibration."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def fold(self, done: int, folds: int) -> None:
        """Show how many parts of the people are imputed."""
        self._meter.update(done / folds, f"{done} of {folds} parts of the panel's people imputed", part=done)


class _Warnings(logging.Handler):
    """Shows warnings."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(logging.WARNING)
        self._meter = meter

    def emit(self, record: logging.LogRecord) -> None:
        """Show one."""
        self._meter.warn(record.getMessage())


@contextmanager
def hearing(journal: Journal, meter: Meter) -> Iterator[None]:
    """Let the journal hear the library's loggers, whose warnings are also shown."""
    logger = logging.getLogger("spinimpute")
    handlers = journal, _Warnings(meter)
    before = logger.level
    logger.setLevel(logging.INFO)
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
        logger.setLevel(before)


def _parameters(config: ImputeConfig) -> dict[str, str]:
    """All settings of a run, by the names of their options."""
    names = {field.name: field.name.replace("_", "-") for field in fields(config)}
    names |= {"exclude_samples": "excludesamples", "exclude_markers": "excludemarkers"}
    values = {name: getattr(config, field) for field, name in names.items()}
    return {name: _spelled(value) for name, value in values.items() if value is not None}


def _spelled(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value) or "nothing"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _totals(summary: ImputeSummary) -> dict[str, str]:
    return {
        "samples": f"{summary.samples:,}",
        "panel haplotypes": f"{summary.panel_haplotypes:,}",
        "target records": f"{sum(summary.fates.values()):,}",
        "records": f"{summary.records:,}",
        "typed": f"{summary.typed:,}",
        "imputed": f"{summary.imputed:,}",
        "mean DR2": f"{summary.mean_dr2:.4f}",
        "time": duration(summary.seconds),
        "output": str(summary.output),
    }


def _plan(expected: Estimate) -> dict[str, str]:
    work = expected.workload
    processor = f"{work.device}, {work.threads} threads"
    return {
        "samples": f"{work.samples:,}",
        "panel haplotypes": f"{work.panel_haplotypes:,}",
        "records": f"{work.records:,}" if work.counted else f"about {work.records:,}",
        "typed": f"at most {work.windows.typed:,}",
        "windows": f"{work.windows.count:,}",
        "device": processor if work.device == "cpu" else f"{processor}; the time is that of a CPU",
        "model": work.model,
        "expected time": duration(expected.seconds),
        "expected memory": megabytes(expected.memory_megabytes),
        "expected output": megabytes(expected.output_megabytes),
    }
