"""Every fault of the table of bad input, with what spinimpute must say of it.

Positions are those of `data.tables`: panel record i lies at 5000 (i + 1), on line i + 5 of its file, and the
target has every fourth.
"""

from __future__ import annotations

import gzip
from dataclasses import replace

from benchmarks.reliability.data import map_text
from benchmarks.reliability.spoiling import (
    FIRST,
    POS,
    as_directory,
    as_gzip_cut,
    cut,
    cut_at_block,
    cut_before_end_block,
    dosages_alone,
    exchange,
    file_fault,
    flip,
    map_fault,
    moved,
    no_samples,
    other_strand,
    panel_fault,
    renamed,
    return_to,
    swap_alleles,
    target_fault,
)  # fmt: skip

ALONE = (
    "samples must be haploid on one stretch of a chromosome, the same samples all along it; "
    "found one allele at this record alone; mend them, e.g. with bcftools +fixploidy"
)
DROP = "; correct the record or drop it, e.g. with bcftools view -t ^CHROM:POS"
LAYOUTS = (
    "; layouts: PLINK (chr id cM pos), SHAPEIT (pos chr cM), Eagle (chr pos rate cM) or Minimac (#chr pos cM)"
)
COPY = "; copy or write it again"
CUT = ": the BGZF file is truncated; found no end-of-file block; copy or write the file again"
KIND = ": the file is not VCF or BCF; give a .vcf, .vcf.gz or .bcf file"
DIRECTORY = (
    ": a variant file or a VCF Zarr store is needed; found a directory that is no Zarr store; "
    "give a .vcf, .vcf.gz, .bcf or .vcz"
)
ABSENT = ": the file does not exist; check the path"

PANEL_FAULTS = [
    panel_fault(
        "panel with an unphased genotype", lambda t: t.change(30, FIRST + 2, "0/1"),
        "panel {panel} 20:155000 sample p2: panel genotypes must be phased; found / for |; phase the panel, "
        "or write | if homozygotes alone are unphased",
    ),
    panel_fault(
        "panel with a missing genotype", lambda t: t.change(30, FIRST + 2, ".|."),
        "panel {panel} 20:155000 sample p2: panel genotypes must not be missing; found .; "
        "impute or drop it first, e.g. bcftools view -g ^miss",
    ),
    panel_fault(
        "panel with a half-missing genotype", lambda t: t.change(30, FIRST + 2, "0|."),
        "panel {panel} 20:155000 sample p2: panel genotypes must not be missing; found .; "
        "impute or drop it first, e.g. bcftools view -g ^miss",
    ),
    panel_fault(
        "panel unsorted", lambda t: t.edit(exchange),
        "panel {panel} 20:105000: records must be sorted by position; found 105000 after 110000; "
        "sort the file with bcftools sort",
    ),
    panel_fault(
        "panel with a duplicate record", lambda t: t.edit(lambda rows: rows.insert(30, list(rows[30]))),
        "panel {panel} 20:155000: panel records must be unique; found A>C twice; "
        "remove one, e.g. with bcftools norm -d exact",
    ),
    panel_fault(
        "panel that returns to a chromosome", lambda t: t.edit(return_to),
        "panel {panel} 20:205000: records of one chromosome must be together; "
        "found 20 again after another chromosome; sort the file with bcftools sort",
    ),
    panel_fault(
        "panel with a short row", lambda t: t.edit(lambda rows: rows[30].pop()),
        "panel {panel} line 35 20:155000: a row must have as many columns as the header; "
        "found 28 columns, 29 in the header; mend the row or write the file again",
    ),
    panel_fault(
        "panel with a long row", lambda t: t.edit(lambda rows: rows[30].append("0|0")),
        "panel {panel} line 35 20:155000: a row must have as many columns as the header; "
        "found 30 columns, 29 in the header; mend the row or write the file again",
    ),
    panel_fault(
        "panel with an allele code out of range", lambda t: t.change(30, FIRST + 2, "0|2"),
        "panel {panel} line 35 20:155000 sample p2: an allele code must not exceed the number of ALT "
        "alleles, or 127; found 2" + DROP,
    ),
    panel_fault(
        "panel without GT in a record", dosages_alone,
        "panel {panel} line 35 20:155000: every record needs genotypes; found FORMAT DS; GT must come first",
    ),
    panel_fault(
        "panel whose ploidy changes", lambda t: t.change(30, FIRST + 2, "0"),
        "panel {panel} 20:155000 sample p2: " + ALONE,
    ),
    panel_fault(
        "panel with a triploid genotype", lambda t: t.change(30, FIRST + 2, "0|0|1"),
        "panel {panel} line 35 20:155000 sample p2: genotypes must be haploid or diploid; "
        "found 3 alleles or more" + DROP,
    ),
    panel_fault(
        "panel with a garbled genotype", lambda t: t.change(30, FIRST + 2, "x|1"),
        "panel {panel} line 35 20:155000 sample p2: a genotype must be one or two allele codes, as in 0|1"
        + DROP,
    ),
    panel_fault(
        "panel with a garbled position", lambda t: t.change(30, POS, "1e5"),
        "panel {panel} line 35 20:1e5: a position must be a number up to 2147483647; found '1e5'; mend the "
        "row",
    ),
    panel_fault(
        "panel with an impossible position", lambda t: t.change(30, POS, "4294967296"),
        "panel {panel} line 35 20:4294967296: a position must be a number up to 2147483647; "
        "found '4294967296'; mend the row",
    ),
    panel_fault(
        "panel with a sample named twice", lambda t: replace(t, samples=["p1", *t.samples[1:]]),
        "panel {panel}: sample names must be unique; found p1 2 times; "
        "rename one, e.g. with bcftools reheader -s",
    ),
    panel_fault(
        "panel that shares samples with the target", lambda t: replace(t, samples=["t1", *t.samples[1:]]),
        "panel {panel}, target {target}: panel and target must not share samples; found 1: t1; "
        "--allow-overlap leaves them out of the panel",
    ),
    panel_fault(
        "panel without samples", no_samples,
        "panel {panel}: the file must have samples with genotypes; found none; give a file with genotypes",
    ),
    panel_fault(
        "panel without records", lambda t: replace(t, rows=[]),
        "panel {panel}: the file has no records; give a file with records",
    ),
    panel_fault(
        "panel of BCF with an unphased genotype", lambda t: t.change(30, FIRST + 2, "0/1"),
        "panel {panel} 20:155000 sample p2: panel genotypes must be phased; found / for |; phase the panel, "
        "or write | if homozygotes alone are unphased", "bcf",
    ),
    panel_fault(
        "panel of BCF whose ploidy changes", lambda t: t.change(30, FIRST + 2, "0"),
        "panel {panel} 20:155000 sample p2: " + ALONE,
        "bcf",
    ),
]  # fmt: skip

TARGET_FAULTS = [
    target_fault(
        "target unsorted", lambda t: t.edit(exchange),
        "target {target} 20:405000: records must be sorted by position; found 405000 after 425000; "
        "sort the file with bcftools sort",
    ),
    target_fault(
        "target with a duplicate record", lambda t: t.edit(lambda rows: rows.insert(9, list(rows[9])))
    ),
    target_fault(
        "target with REF and ALT swapped", lambda t: t.edit(swap_alleles),
        "target {target}: at most 10% of the shared records may have REF and ALT swapped or on the other "
        "strand; found 20 of 60; --fix swap,strand mends them; or check the genome build",
    ),
    target_fault(
        "target on the other strand", lambda t: t.edit(other_strand),
        "target {target}: at most 10% of the shared records may have REF and ALT swapped or on the other "
        "strand; found 60 of 60; --fix swap,strand mends them; or check the genome build",
    ),
    target_fault("target with chromosome names of the other kind", renamed("chr20")),
    target_fault(
        "target on another chromosome", renamed("21"),
        "panel {panel}, target {target}: panel and target must share a chromosome; found 20 in the panel, 21 "
        "in the target; give files of the same chromosomes",
    ),
    target_fault(
        "target without a shared position", lambda t: t.edit(moved),
        "panel {panel}, target {target}: panel and target must share a site; found none among 240 panel "
        "records (20:5000, 20:10000, 20:15000) and 60 target records (20:5001, 20:25001, 20:45001): "
        "60 target-only; check that both use the same genome build",
    ),
    target_fault("target with one shared record", lambda t: replace(t, rows=t.rows[30:31])),
    target_fault(
        "target with a short row", lambda t: t.edit(lambda rows: rows[30].pop()),
        "target {target} line 35 20:605000: a row must have as many columns as the header; "
        "found 11 columns, 12 in the header; mend the row or write the file again",
    ),
    target_fault(
        "target with an allele code out of range", lambda t: t.change(30, FIRST + 2, "0/7"),
        "target {target} line 35 20:605000 sample t2: an allele code must not exceed the number of ALT "
        "alleles, or 127; found 7" + DROP,
    ),
    target_fault(
        "target without GT in a record", dosages_alone,
        "target {target} line 35 20:605000: every record needs genotypes; found FORMAT DS; "
        "GT must come first",
    ),
    target_fault(
        "target whose ploidy changes", lambda t: t.change(30, FIRST + 2, "1"),
        "target {target} 20:605000 sample t2: " + ALONE,
    ),
    target_fault(
        "target without samples", no_samples,
        "target {target}: the file must have samples with genotypes; found none; give a file with genotypes",
    ),
    target_fault(
        "target without records", lambda t: replace(t, rows=[]),
        "target {target}: the file must have records; found none; give a file with records",
    ),
    target_fault(
        "target without genotypes called",
        lambda t: t.edit(lambda rows: [row.__setitem__(slice(FIRST, None), ["./."] * 3) for row in rows]),
    ),
]  # fmt: skip

MAP_FAULTS = [
    map_fault(
        "map with a word for a number", map_text().replace("70.0", "seventy"),
        "map {map} line 2: a map line is malformed; found '20 . seventy 70000000'" + LAYOUTS,
    ),
    map_fault(
        "map with a short line", "20 . 0 1\n20 . 1\n",
        "map {map} line 2: a map line is malformed; found '20 . 1'" + LAYOUTS,
    ),
    map_fault(
        "map that descends", map_text(points=((0, 1), (5, 4_000_000), (3, 5_000_000))),
        "map {map} line 3: a map must ascend in position and cM; found 5000000 at 3 cM after 4000000 at "
        "5 cM; sort the map by chromosome and position, or get it again",
    ),
    map_fault(
        "map without the chromosome", map_text("21"),
        "map {map}: the map lacks chromosome 20; found 21; give a map of it, or leave out --map for 1 cM/Mb",
    ),
    map_fault("map with chromosome names of the other kind", map_text("chr20"), ""),
    map_fault("map that is empty", "", "map {map}: the file is empty; give a file with records"),
    map_fault(
        "map with infinite cM", "20 . 0 1\n20 . inf 70000000\n",
        "map {map} line 2: a map needs finite cM and positions from 0 to 2147483647; "
        "found '20 . inf 70000000'; remove the line",
    ),
]  # fmt: skip

FILE_FAULTS = [
    file_fault("panel cut at a block boundary", "panel", cut_at_block, "panel {panel}" + CUT),
    file_fault("target cut at a block boundary", "target", cut_at_block, "target {target}" + CUT),
    file_fault("panel of BCF cut at a block boundary", "panel", cut_at_block, "panel {panel}" + CUT, "bcf"),
    file_fault("panel cut amid a block", "panel", cut, "panel {panel}" + CUT),
    file_fault("target cut amid a block", "target", cut, "target {target}" + CUT),
    file_fault("panel cut amid a block, with an end block", "panel", cut_before_end_block,
               "panel {panel}: the file is corrupt; found the last block is cut" + COPY),
    file_fault("panel with a changed byte", "panel", flip,
               "panel {panel}: the file is corrupt; found Error -3 while decompressing data: incorrect "
               "data check" + COPY),
    file_fault("target of BCF with a changed byte", "target", flip,
               "target {target}: the file is corrupt; found Error -3 while decompressing data: incorrect "
               "data check" + COPY, "bcf"),
    file_fault("panel of plain gzip, cut", "panel", as_gzip_cut,
               "panel {panel}: the file is corrupt; found the last member is cut" + COPY),
    file_fault("panel of plain text, cut amid a row", "panel", cut,
               "panel {panel} line 124 20:600000: a row must have as many columns as the header; found 22 "
               "columns, 29 in the header; mend the row or write the file again", "vcf"),
    file_fault("panel that is empty", "panel", lambda path: path.write_bytes(b""),
               "panel {panel}: the file is empty; give a file with records"),
    file_fault("target that is empty", "target", lambda path: path.write_bytes(b""),
               "target {target}: the file is empty; give a file with records"),
    file_fault("panel that is no VCF", "panel", lambda path: path.write_text("hello\n"),
               "panel {panel}" + KIND),
    file_fault("target that is no VCF", "target", lambda path: path.write_bytes(gzip.compress(b"chr pos\n")),
               "target {target}" + KIND),
    file_fault("panel of random bytes", "panel", lambda path: path.write_bytes(bytes(range(256)) * 9),
               "panel {panel}" + KIND),
    file_fault("panel that is a directory", "panel", as_directory, "panel {panel}" + DIRECTORY),
    file_fault("target that is a directory", "target", as_directory, "target {target}" + DIRECTORY),
    file_fault("panel that is absent", "panel", lambda path: path.unlink(), "panel {panel}" + ABSENT),
    file_fault("target that is absent", "target", lambda path: path.unlink(), "target {target}" + ABSENT),
    file_fault("panel header cut", "panel", lambda path: path.write_text("##fileformat=VCFv4.2\n##cont"),
               "panel {panel}: the header must end with the line of column names; copy or write the file "
               "again", "vcf"),
]  # fmt: skip

FAULTS = [*PANEL_FAULTS, *TARGET_FAULTS, *MAP_FAULTS, *FILE_FAULTS]
