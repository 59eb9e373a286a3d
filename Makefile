# Two commands: `make repro` (install, then the whole pipeline) and `make test` (install, then every test).
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(CURDIR)/$(VENV)/bin
STAMP  := $(VENV)/.installed
# dvc.yaml says `python`: the environment's own, whether or not a shell has activated it.
export PATH := $(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help install repro test test-long lint types clean

help:  ## What can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | column -t -s "$$(printf '\t')"

install: $(STAMP)  ## The virtual environment, every package as pinned in constraints.txt

# Python compiles what is imported; pip would compile all of the 7 GB.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "samesku needs Python 3.11 to 3.13; name one: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[weights,engines,scale,dev]'
	@touch $(STAMP)

repro: install  ## Run what is out of date of the pipeline, show the table, write report.html
	dvc repro
	dvc metrics show --precision 4
	samesku report

test: install  ## Every test but the long ones, on two cores
	python -m pytest -n 2 --dist loadfile

test-long: install  ## Break the pipeline for real, some 40 minutes; writes docs/faults.md
	python -m pytest -n 2 --dist loadfile --timeout 3600 -m long --ignore=tests/faults
	SAMESKU_FAULTS_TABLE=docs/faults.md python -m pytest -n 2 --dist loadfile --timeout 3600 -m "" tests/faults

lint: install  ## Style, security and the direction of imports: ruff, import-linter
	ruff check .
	ruff format --check .
	lint-imports --no-cache

types: install  ## mypy
	mypy

clean:  ## Remove the environment and the caches of the tools; data and models stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis samesku.egg-info
