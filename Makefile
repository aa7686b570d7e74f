# Everything a person does with this tree. Needs python3 (3.11 or newer), make and git; uv is used where
# it is on PATH. `make run` and `make test` set up what they need, once.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# One worker more than cores: tests wait for the disk (SQLite syncs every commit) as well as for the processor.
WORKERS ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$(( cores > 7 ? 8 : cores + 1 )))
PYTEST_OPTIONS ?=
COMPILE := --quiet --universal --python-version 3.11 --generate-hashes \
	--upgrade --no-header --no-emit-index-url --no-emit-find-links

.PHONY: run test test-long check bench setup format reference lock
.DEFAULT_GOAL := run

run: $(VENV)/.runtime ## serve http://127.0.0.1:8000 with the demo world in ./data
	@exec $(BIN)/timebank serve --demo

test: $(VENV)/.development ## every test: SQLite, PostgreSQL, a real browser
	@$(BIN)/python -m tests.tools
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_OPTIONS)

test-long: $(VENV)/.development ## the kernel's random scripts and crashes, many times over (an hour)
	@TIMEBANK_CRASH_ROUNDS=25 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --hypothesis-profile=search \
		tests/ledger/test_properties.py tests/ledger/test_crash.py $(PYTEST_OPTIONS)

check: $(VENV)/.development ## style, types, imports, then every test
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

bench: $(VENV)/.development ## every benchmark, with its table
	@$(BIN)/python -m bench

setup: $(VENV)/.development ## everything that tests and checks need

format: $(VENV)/.development ## bring the code into shape
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

reference: $(VENV)/.development ## write docs/reference.md and the list of guards from the code
	@$(BIN)/python -m tests.reference
	@$(BIN)/python -m tests.guards

# Raises every version that pyproject.toml allows; review the change, run the tests, commit.
lock: ## write both lock files anew; needs uv
	uv pip compile $(COMPILE) --group build -o requirements.lock pyproject.toml
	uv pip compile $(COMPILE) --group dev --group build -c requirements.lock -o requirements-dev.lock pyproject.toml

$(VENV)/.runtime: requirements.lock pyproject.toml
	@.ci/install $(VENV) requirements.lock
	@touch $@

$(VENV)/.development: requirements-dev.lock $(VENV)/.runtime
	@.ci/install $(VENV) requirements-dev.lock
	@touch $@
