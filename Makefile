# `make demo` and `make test` work in a fresh clone: each sets up .venv first, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
TORCH := torch==2.13.0

.PHONY: demo test lint clean
.DELETE_ON_ERROR:

$(VENV)/.installed: constraints.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt pip
	$(PIP) install -q -c constraints.txt $(TORCH)
	$(PIP) install -q -c constraints.txt -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install -q -c constraints.txt -e '.[bgen,paper,simulate,workflow,xarray]' --group dev
	touch $@

demo: $(VENV)/.installed
	mkdir -p demo
	$(BIN)/spinimpute impute --ref examples/panel.vcf.gz --gt examples/target.vcf.gz \
	  --map examples/plink.map --out demo/imputed --report
	$(BIN)/spinimpute evaluate --truth examples/truth.vcf.gz --imputed demo/imputed.vcf.gz \
	  --ref examples/panel.vcf.gz --typed examples/target.vcf.gz --out demo/imputed

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
