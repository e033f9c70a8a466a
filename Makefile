# Two commands are all a fresh machine needs: `make demo` and `make test`. Python 3.11 or newer is required.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test check faults bench bench-check compiled clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 13

setup: $(STAMP) ## prepare .venv with the command `controltower`

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 setup"; exit 2; }
	@echo "installing into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: setup ## an afternoon of a simulated city through all stages (about 2 minutes)
	@$(BIN)/controltower demo

test: setup ## all tests; what needs Kafka, Docker or data says why it is skipped
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: setup ## style, types and import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

SEED ?= 1
MINUTES ?= 30

faults: setup ## break it in every way on a real Kafka, SEED=1 MINUTES=30, and print what was lost
	@$(BIN)/python -m tests.fault --seed $(SEED) --minutes $(MINUTES)

bench: setup ## this product against Faust, Quix and Kafka Streams, latency, CPU by stage, on a real Kafka
	@$(BIN)/python -m tests.bench

bench-check: setup ## has an event become dearer? instructions and CPU against the stored reference
	@$(BIN)/python -m tests.bench.check

compiled: setup ## the product as in the image, its hot paths compiled, in .venv-compiled (needs a C compiler)
	@rm -rf .venv-compiled build
	@echo "compiling and installing into .venv-compiled ..."
	@CONTROLTOWER_COMPILED=1 $(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/wheel .
	@$(PYTHON) -m venv .venv-compiled
	@.venv-compiled/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@.venv-compiled/bin/python -m pip install --quiet --disable-pip-version-check --no-deps build/wheel/*.whl

clean: ## remove the venv and caches
	@rm -rf $(VENV) .venv-compiled .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info demo-out
