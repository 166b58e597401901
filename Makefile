# What one does in this house. `make` alone lists it; each target makes what it needs first.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test soak lint format bench docs lock changelog clean

# The first Python that is new enough. Another one: make PYTHON=/path/to/python3.13 ...
PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,\
	$(shell $(p) -c 'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))
BIN := .venv/bin
# Where there is Java, the demo asks Spark too (`make demo SPARK=no`: not so).
SPARK ?= $(if $(shell java -version 2>&1 | grep version),yes,no)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(if $(filter yes,$(SPARK)),.venv/spark.stamp,.venv/core.stamp)  ## simulated survey files to answers and pictures, in ./demo
	@$(BIN)/skyhouse demo

test: .venv/dev.stamp  ## everything the tests need, then all of them (the linters too)
	@scripts/system.sh
	@$(BIN)/python -m pytest

soak: .venv/dev.stamp  ## the long tests: crashes, many examples, big inputs
	@scripts/system.sh
	@$(BIN)/python -m pytest -m soak

lint: .venv/dev.stamp  ## ruff, mypy, import-linter
	@$(BIN)/python -m pytest -q tests/project/test_lint.py

format: .venv/dev.stamp  ## let ruff mend what it can
	@$(BIN)/ruff check --fix --quiet; $(BIN)/ruff format

bench: .venv/dev.stamp  ## measure; the figures go to docs/benchmarks.md
	@scripts/system.sh
	@set -e; for script in $$(grep -l __main__ bench/*.py); do echo "== $$script"; $(BIN)/python "$$script"; done

docs: .venv/dev.stamp  ## the documentation as a site, in build/docs
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs build/docs
	@echo "build/docs/index.html"

# One resolution for all Pythons and systems. No index and no path is written down: pip uses the reader's own.
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate $(UPGRADE)
lock: .venv/dev.stamp  ## resolve the lock files anew (UPGRADE=--upgrade for newer versions)
	$(COMPILE) --all-extras --group dev --output-file requirements/dev.lock
	$(COMPILE) --extra plot --extra spark --group build --constraint requirements/dev.lock --output-file requirements/spark.lock
	$(COMPILE) --extra plot --group build --constraint requirements/dev.lock --output-file requirements/core.lock

changelog: .venv/dev.stamp  ## gather changelog.d into CHANGELOG.md (VERSION=x.y.z)
	@$(BIN)/towncrier build --yes --version $(VERSION)

clean:  ## remove what was made here
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .numba_cache .bench build dist demo

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Skyhouse needs Python 3.11 or newer; none was found on PATH (make PYTHON=... names one)." >&2; exit 1; }
	@scripts/venv.sh "$(PYTHON)"

# --no-build-isolation: what builds the package is in the lock, so nothing unlocked is fetched for it.
.venv/%.stamp: requirements/%.lock pyproject.toml | .venv/bin/python
	@echo "Installing $$(grep -c == $<) packages into .venv ($<; once) ..."
	@$(BIN)/python -m pip install --quiet --use-pep517 --require-hashes -r $<
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
