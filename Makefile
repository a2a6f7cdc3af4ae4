# Spiritsafe: every target sets up what it needs; only Python 3.11+, git and make must be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What tests and checks need on top: a user of the demo does not wait for it.
DEV_STAMP := $(VENV)/.installed-dev
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable client
# A test process a core and one more, for some tests wait; one thread each, or they wait for each other.
# In the order of their folders: by default the modules with the fewest tests come last, and those are the longest.
TEST_PROCESSES ?= 3
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder

# Stored versions among which `make bench` asks for verdicts.
BENCH_VERSIONS ?= 1000000

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-full lint format proto standins bench clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1|/' | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

setup: $(DEV_STAMP) ## Make .venv and install everything into it (incremental)

$(STAMP): pyproject.toml client/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable '.[service,train]'
	@touch $@

$(DEV_STAMP): $(STAMP)
	$(INSTALL) --editable '.[service,train,dev]'
	@touch $@

demo: $(STAMP) ## Distil three students and take them through the licence gate
	$(BIN)/spiritsafe demo $(DEMO_ARGS)

test: $(DEV_STAMP) ## Run the test suite
	$(PYTEST) -m 'not full' $(PYTEST_ARGS)

test-full: $(DEV_STAMP) ## Run the test suite and the slow suites
	$(PYTEST) $(PYTEST_ARGS)

lint: $(DEV_STAMP) ## Check style (ruff) and types (mypy --strict)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(DEV_STAMP) ## Rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

proto: $(DEV_STAMP) ## Generate the stubs in client/ from proto/; lint and compare the contract where buf is installed
	$(BIN)/python proto/generate.py
	@if command -v buf >/dev/null; then buf lint && buf breaking --against proto/released/contract.binpb; \
	else echo "buf is not installed: its lint and its comparison with the last release are left out"; fi

standins: $(STAMP) ## Rebuild the stand-in checkpoints (hours; llama3 starts from xlam)
	for family in xlam qwen3 llama3 gemma4; do \
		$(BIN)/python -m distill.standins.build --family $$family --output distill/standins/checkpoints/$$family || exit; \
	done

bench: $(DEV_STAMP) ## Run the benchmarks and print their tables (a quarter of an hour, 2 GB of disk): BENCH_VERSIONS=N for fewer
	$(BIN)/python -m tests.benchmarks
	$(BIN)/python -m tests.benchmarks.verdicts --versions $(BENCH_VERSIONS)
	$(BIN)/python -m tests.benchmarks.reevaluation
	$(BIN)/python -m tests.benchmarks.registry
	$(BIN)/python -m tests.benchmarks.distill.formats
	$(BIN)/python -m tests.benchmarks.distill.reading
	$(BIN)/python -m tests.benchmarks.distill.asking
	$(BIN)/python -m tests.benchmarks.distill.executing
	$(BIN)/python -m tests.benchmarks.distill.curating

clean: ## Remove .venv and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
