# Every command works from a bare Python 3.11 or newer: environments are made on first use
# and again when pyproject.toml changes.

PYTHON ?= $(firstword $(foreach python,python3 python3.14 python3.13 python3.12 python3.11 python,\
	$(shell $(python) -c 'import sys; sys.version_info >= (3, 11) and print("$(python)")' 2>/dev/null)))
OLDEST_PYTHON ?= $(or $(shell python3.11 -c 'print("python3.11")' 2>/dev/null),$(PYTHON))
JOBS ?= 2
CONTRACT ?= tests/test_contract*.py
NOJIT ?= $(shell grep -lE "_kernels|skmtl.linear" tests/test_*.py | grep -vE "contract|bad_input|documents|automatic|plotting|source_tasks|active_driver|linear_laws")
SKIPPED_WITHOUT_JIT ?= slow or nojit_skip

INSTALL := -m pip install --quiet --disable-pip-version-check
RUN := .venv/bin/python
PYTEST := $(RUN) -m pytest

# No window opens, and parallel test processes do not fight over the cores.
export MPLBACKEND := Agg
test-suite test-oldest test-nojit: export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-oldest test-nojit test-suite lint format docs bench test-matrix dist clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: .venv/installed-frames,plot ## fit a few models to a real table and draw demo.png
	$(RUN) examples/demo.py

test: lint test-oldest test-nojit test-suite ## everything that must pass before a change is merged

test-suite: .venv/installed-test ## tests, doctests and the code of README and docs
	$(PYTEST) -n $(JOBS) --durations 10

test-oldest: .venv-oldest/installed-test ## contract tests, oldest supported versions
	.venv-oldest/bin/python -m pytest -n $(JOBS) -m "not any_version" $(CONTRACT)

test-nojit: .venv/installed-test ## fast tests, kernels run as plain Python
	NUMBA_DISABLE_JIT=1 $(PYTEST) -n $(JOBS) -m "not ($(SKIPPED_WITHOUT_JIT))" $(NOJIT)

lint: .venv/installed-test ## style and likely mistakes
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: .venv/installed-test ## mend the style in place
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

docs: .venv/installed-docs ## the site in docs/_build/html; warnings are errors
	$(RUN) -m sphinx -W --keep-going -b html docs docs/_build/html

bench: .venv/installed-test ## accuracy and speed beside the alternatives
	$(RUN) -m benchmarks

test-matrix: .venv/installed-nox ## contract tests over scikit-learn and numpy versions
	$(RUN) -m nox -s matrix

dist: .venv/installed-build ## wheel and source distribution in dist/
	$(RUN) -m build

clean: ## remove environments and everything generated
	rm -rf .venv .venv-oldest .nox dist docs/_build docs/auto_examples docs/generated docs/api demo.png
	find . -name __pycache__ -prune -exec rm -rf {} +

# Stamps. A tool of its own is installed by name, anything else is an extra of skmtl.
.venv/installed-nox .venv/installed-build: .venv/installed-%: pyproject.toml | .venv/bin/pip
	$(RUN) $(INSTALL) $*
	@touch $@

.venv/installed-%: pyproject.toml | .venv/bin/pip
	@echo "Installing skmtl[$*] into .venv; this takes a minute the first time."
	$(RUN) $(INSTALL) --editable '.[$*]'
	@touch $@

.venv-oldest/installed-test: pyproject.toml tests/oldest.txt | .venv-oldest/bin/pip
	@echo "Installing the oldest supported versions into .venv-oldest."
	.venv-oldest/bin/python $(INSTALL) --constraint tests/oldest.txt --editable '.[test]'
	@touch $@

.venv/bin/pip:
	$(or $(PYTHON),$(error Python 3.11 or newer is needed)) -m venv .venv

.venv-oldest/bin/pip:
	$(or $(OLDEST_PYTHON),$(error Python 3.11 or newer is needed)) -m venv .venv-oldest
