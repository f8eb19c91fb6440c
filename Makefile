# `make` shows what there is.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3.11
BIN := .venv/bin
export BENTOML_DO_NOT_TRACK := True
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: help install check test test-slow clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

install: .venv/.installed ## Make .venv from the lock

check: install ## Format, lint, types, import contract, file length
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@long=$$(git ls-files '*.py' | xargs wc -l | awk '$$2 != "total" && $$1 > 300'); \
	  if [ -n "$$long" ]; then echo "files over 300 lines:"; echo "$$long"; exit 1; fi

test: install ## The default suite (under 6 minutes on 2 cores)
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

test-slow: install ## The long tests
	$(BIN)/pytest -n 2 --dist loadfile -m slow

clean: ## Remove caches and the default workspace
	rm -rf .regulars .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
