# Needs python3 (3.11 or newer, with venv) and make; everything else is installed into .venv.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# The first interpreter that is new enough and can make virtual environments.
SUITABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	if $$python -c '$(SUITABLE)' 2>/dev/null; then echo $$python; break; fi; done)

VENV ?= .venv
BIN := $(VENV)/bin
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
EDITABLE_PLUGINS := $(foreach plugin,$(PLUGINS),-e ./$(plugin))
METADATA := pyproject.toml constraints.txt $(addsuffix /pyproject.toml,$(PLUGINS))
CODE := hybridplace plugins examples benchmarks tests conftest.py
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

.PHONY: help
help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "hybridplace needs Python 3.11 or newer with venv; install it" \
		"(Debian: apt install python3-venv), or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The build backend is installed first, pinned like the rest, and used without isolation.
$(VENV)/demo.stamp: $(METADATA) | $(BIN)/python
	@echo "installing hybridplace and its plug-ins into $(VENV) ..."
	@$(PIP) hatchling editables
	@$(PIP) --no-build-isolation -e '.[dryrun]' $(EDITABLE_PLUGINS)
	@touch $@

$(VENV)/dev.stamp: $(METADATA) | $(BIN)/python
	@echo "installing hybridplace, its plug-ins and the tools into $(VENV) ..."
	@$(PIP) hatchling editables
	@$(PIP) --no-build-isolation -e '.[dev]' $(EDITABLE_PLUGINS)
	@touch $(VENV)/demo.stamp $@

.PHONY: install
install: $(VENV)/dev.stamp ## Install the package, its plug-ins and the tools into .venv

.PHONY: demo
demo: $(VENV)/demo.stamp ## Plan, explain and dry-run the hospital group of examples/hospital
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python examples/hospital/demo.py

.PHONY: test
test: $(VENV)/dev.stamp ## Run the tests
	@$(BIN)/python -m pytest

.PHONY: lint
lint: $(VENV)/dev.stamp ## Check style, types and the direction of imports
	@$(BIN)/ruff check $(wildcard $(CODE))
	@$(BIN)/ruff format --check $(wildcard $(CODE))
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo

.PHONY: format
format: $(VENV)/dev.stamp ## Rewrite the code in the project's style
	@$(BIN)/ruff check --fix-only --quiet $(wildcard $(CODE))
	@$(BIN)/ruff format $(wildcard $(CODE))

.PHONY: cover
cover: $(VENV)/dev.stamp ## Run the tests and hold model, solver and policy to 95 % coverage
	@$(BIN)/python -m coverage run -m pytest
	@$(BIN)/python -m coverage report
	@$(BIN)/python -m coverage report --fail-under=95 \
		--include='hybridplace/model/*,hybridplace/solver/*,hybridplace/policy/*'

.PHONY: bench
bench: $(VENV)/dev.stamp ## Measure what is promised about speed
	@for benchmark in $(sort $(wildcard benchmarks/*.py)); do \
		echo "== $$benchmark"; $(BIN)/python $$benchmark || exit 1; done
	@echo "== benchmarks.solver"; $(BIN)/python -m benchmarks.solver --quick --seeds 3 --check

# SkyPilot pins what we do not, so that it lives in an environment of its own.
SKYPILOT := skypilot==0.14.1

$(VENV)-skypilot/stamp: Makefile | $(BIN)/python
	@echo "installing $(SKYPILOT) into $(VENV)-skypilot ..."
	@$(BIN)/python -m venv $(VENV)-skypilot
	@$(VENV)-skypilot/bin/python -m pip --disable-pip-version-check install --quiet $(SKYPILOT)
	@touch $@

.PHONY: bench-peers
bench-peers: $(VENV)/dev.stamp $(VENV)-skypilot/stamp ## Compare with others, SkyPilot included
	@$(BIN)/python -m benchmarks.solver --case peers \
		--skypilot $(abspath $(VENV)-skypilot/bin/python)

.PHONY: check
check: lint test ## Lint and test

.PHONY: clean
clean: ## Remove what was built, .venv too
	rm -rf $(VENV) $(VENV)-skypilot build dist .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis \
		.import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
