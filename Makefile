# `make` shows what there is.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3.11
BIN := .venv/bin
export BENTOML_DO_NOT_TRACK := True
export MLFLOW_DISABLE_TELEMETRY := true

PORT ?= 3000
MINUTES ?= 30
KILLS ?= 50
# The demo's shop: a simulated one, or with DATA=FILE the real Online Retail II.
ifdef DATA
DEMO_HOME ?= .regulars-online-retail
AS_OF := 2011-12-10
QUICK := epochs=4
CUSTOMER := 12748
else
DEMO_HOME ?= .regulars-simulated
AS_OF := 2025-01-01
QUICK := epochs=3 weeks=26
CUSTOMER := C2308
endif

BENCH_HOME ?= $(DEMO_HOME)
.ONESHELL:
.PHONY: help install demo serve check test test-slow soak bench-scale bench-serving clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

install: .venv/.installed ## Make .venv from the lock

demo: install ## The main job, end to end; DATA=FILE takes Online Retail II instead of a simulated shop
	@export PATH="$(CURDIR)/$(BIN):$$PATH" REGULARS_HOME="$(DEMO_HOME)"
	run() { printf '\n$$ python -m %s\n' "$$*"; python -m "$$@"; }
	if [ -n "$(DATA)" ]; then
	  run features ingest online_retail --file "$(DATA)"
	else
	  run features simulate --customers 5000 --products 1000 --days 730 --seed 1
	fi
	run training fit popularity --as-of $(AS_OF)
	run training fit two_tower $(QUICK) --as-of $(AS_OF)
	run training fit churn --as-of $(AS_OF)
	run training promote two_tower
	run training promote churn
	run features materialize
	printf '\n$$ python -m serving run --port $(PORT) &\n'
	python -m serving run --port $(PORT) & server=$$!
	trap 'kill $$server; wait $$server || true' EXIT
	run serving ask --url http://127.0.0.1:$(PORT) /v1/recommendations '{"customer_id": "$(CUSTOMER)", "k": 5}'
	run serving ask --url http://127.0.0.1:$(PORT) /v1/recommendations '{"customer_id": "nobody", "k": 5}'
	run serving ask --url http://127.0.0.1:$(PORT) /v1/predictions/churn '{"customer_ids": ["$(CUSTOMER)"]}'
	kill -0 $$server # else another service has the port
	if [ -z "$(DATA)" ]; then
	  for key in champion-popularity champion-champion; do
	    file=configs/experiments/$$key.yaml
	    while state=$$(python -m experiments status $$key 2> /dev/null) && ! grep -q ': stopped' <<< "$$state"; do
	      ! grep -q ': running' <<< "$$state" || run experiments kill $$key --reason "the demo was cut off"
	      key=$$key-again
	    done
	    if [ -n "$$state" ]; then
	      run experiments simulate $$key
	    else
	      run features materialize
	      run experiments start $$file key=$$key
	      run experiments simulate $$key --url http://127.0.0.1:$(PORT)
	      run experiments stop $$key
	    fi
	  done
	fi
	printf '\nOpen next:\n'
	printf '  make serve DEMO_HOME=%s, then http://127.0.0.1:$(PORT)/docs    the API\n' "$(DEMO_HOME)"
	printf '  .venv/bin/mlflow ui --backend-store-uri sqlite:///%s/mlflow.db  the runs\n' "$(DEMO_HOME)"

serve: install ## Serve the demo shop's champions on 127.0.0.1
	$(BIN)/python -m serving run --home "$(DEMO_HOME)" --port $(PORT)

check: install ## Format, lint, types, import contract, file length
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@long=$$(git ls-files '*.py' | xargs wc -l | awk '$$2 != "total" && $$1 > 300'); \
	  if [ -n "$$long" ]; then echo "files over 300 lines:"; echo "$$long"; exit 1; fi

test: install ## The default suite (under 7 minutes on 2 cores)
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

test-slow: install ## The long tests
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m slow

soak: install ## Mixed load for MINUTES (30) and kill -9 at KILLS moments (50), on real servers
	REGULARS_SOAK_MINUTES=$(MINUTES) $(BIN)/pytest -s -m slow tests/serving/test_soak.py
	REGULARS_KILLS=$(KILLS) $(BIN)/pytest -s -m slow tests/serving/test_kills.py

bench-scale: install ## Time and memory of all stages at 1, 4 and 16 times a simulated shop
	$(BIN)/python -m training benchmark scale --sizes 1,4,16 --output .regulars-bench/scale.csv

bench-serving: install ## Cost of an answer beside a bare FastAPI endpoint; BENCH_HOME=DIR, needs wrk
	$(BIN)/python -m serving bench --home "$(BENCH_HOME)"

clean: ## Remove caches; a workspace goes by deleting its directory
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
