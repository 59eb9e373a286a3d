# Two commands: `make repro` (install, then the whole pipeline) and `make test` (install, then every test).
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(CURDIR)/$(VENV)/bin
STAMP  := $(VENV)/.installed
# dvc.yaml calls `python`: take that of the environment, also if no shell has activated it.
export PATH := $(BIN):$(PATH)
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install lock repro test test-long lint types screenshots clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | column -t -s "$$(printf '\t')"

install: $(STAMP)  ## Make the virtual environment with the package versions of constraints.txt, each file by its hash

# uv unpacks on all cores. It reads no configuration of pip, so it is told pip's indexes; where it fails, pip installs.
PIP_SETTING = $(BIN)/python -m pip config get global
# In compat mode, a folder that is called samesku does not hide the package. A shell with PYTHONDONTWRITEBYTECODE would
# compile at every start: compileall does it once, on all cores, without what the project does not import.
$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "samesku needs Python 3.11 to 3.13; name one: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@echo "Installing the packages of requirements.lock takes two minutes, and four where only pip can."
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/[^\\]$$/p' requirements.lock >$(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --require-hashes --requirement $(VENV)/uv.lock && \
	UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(PIP_SETTING).index-url 2>/dev/null)}}" \
	UV_INDEX="$${UV_INDEX:-$${PIP_EXTRA_INDEX_URL:-$$($(PIP_SETTING).extra-index-url 2>/dev/null)}}" \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --cache-dir $(VENV)/uv-cache \
		--index-strategy unsafe-best-match --require-hashes --requirement requirements.lock || \
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes --requirement requirements.lock
	rm -rf $(VENV)/uv-cache
	$(BIN)/python -m pip install --quiet --no-compile --no-deps --no-build-isolation \
		--config-settings editable_mode=compat --editable .
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m compileall -q -j 0 $(VENV)/lib \
		-x 'site-packages/(.*/)?(tests?|testing|transformers/models|moto|rllib)/' >/dev/null || true
	@touch $(STAMP)

# The header has no name of an index. --universal: the same file serves Linux, macOS and Windows.
lock:  ## Write requirements.lock anew: the versions of constraints.txt with the hashes of their files (needs uv)
	uv pip compile pyproject.toml --extra weights --extra engines --extra scale --extra dev --constraint constraints.txt \
		--universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url \
		--quiet --output-file requirements.lock

repro: install  ## Run the stages that are out of date, print the metrics, write report.html
	dvc repro
	dvc metrics show --precision 4
	samesku report

# Three workers keep two cores busy: many a test waits for a server, a browser or a lock.
test: install  ## Run all tests except the long ones, on two cores
	python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 20

test-long: install  ## Break the pipeline on purpose for about 50 minutes, and write docs/faults.md
	python -m pytest -n 2 --dist loadfile --timeout 3600 -m long --ignore=tests/faults
	SAMESKU_FAULTS_TABLE=docs/faults.md python -m pytest -n 2 --dist loadfile --timeout 3600 -m "" tests/faults

lint: install  ## Check style, security and the direction of imports (ruff, import-linter)
	ruff check .
	ruff format --check .
	lint-imports --no-cache

types: install  ## Check the type annotations (mypy)
	mypy

screenshots: install  ## Take the pictures of the pages for README.md and docs/ (needs chromium and a finished run)
	python -m tests.fixtures.screenshots docs

clean:  ## Remove the environment and the caches of tools; keep data and models
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis samesku.egg-info
