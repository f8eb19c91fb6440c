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
.PHONY: help install lock demo serve check test test-slow soak attack bench-scale bench-serving clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

LOCKS := requirements.lock requirements-dev.lock requirements-torch.lock
# The CPU build of torch for Linux on x86_64, which PyPI does not list.
TORCH_CPU := sha256:6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b
TORCH := /^torch==/,/[^\\]$$/
HASHED := --no-deps --only-binary :all: --require-hashes

# torch comes first: the index in use decides which build pip takes, and the lock must have its hash.
# Its CUDA build alone needs the other packages of requirements-torch.lock.
.venv/.installed: $(LOCKS) pyproject.toml
	@$(PYTHON) -m venv .venv
	pip() { $(BIN)/pip --quiet --disable-pip-version-check "$$@"; }
	torch=$$(mktemp -d)
	trap 'rm -rf "$$torch"' EXIT
	sed -n '$(TORCH)p' requirements-torch.lock > "$$torch/lock"
	pip download --no-deps --only-binary :all: --dest "$$torch" $$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' "$$torch/lock")
	pip install $(HASHED) --no-index --find-links "$$torch" -r "$$torch/lock"
	if grep -q '^Requires-Dist: nvidia' .venv/lib/*/site-packages/torch-*.dist-info/METADATA; then
	  pip install $(HASHED) -r requirements-torch.lock
	fi
	pip install $(HASHED) -r requirements.lock -r requirements-dev.lock
	pip install --no-deps --no-build-isolation -e .
	touch $@

install: .venv/.installed ## Make .venv from the locks, every file by its hash

COMPILE := uv pip compile --quiet --no-config --python-version 3.11 --generate-hashes --no-annotate --no-header \
  --fork-strategy fewest

lock: install ## Renew the locks within the bounds of pyproject.toml; PACKAGE=NAME renews that one alone
	@export PATH="$(CURDIR)/$(BIN):$$PATH"
	new=$$(mktemp -d)
	trap 'rm -rf "$$new"' EXIT
	but() { sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package=\1/p' "$$@"; }
	$(if $(PACKAGE),cat $(LOCKS) > "$$new/all")
	$(COMPILE) --universal pyproject.toml --extra dev $(PACKAGE:%=--upgrade-package=%) -o "$$new/all" > /dev/null
	echo torch > "$$new/torch.in"
	$(COMPILE) --python-platform windows "$$new/torch.in" -c "$$new/all" | sed '$(TORCH)d' > "$$new/cpu" # no CUDA there
	$(COMPILE) --universal "$$new/torch.in" -c "$$new/all" $$(but "$$new/cpu") |
	  sed 's/^torch==.*/&\n    --hash=$(TORCH_CPU) \\/' > "$$new/torch"
	$(COMPILE) --universal pyproject.toml -c "$$new/all" --excludes serving/deploy/without.txt $$(but "$$new/torch") > "$$new/run"
	$(COMPILE) --universal pyproject.toml --extra dev -c "$$new/all" $$(but "$$new/torch" "$$new/run") > "$$new/dev"
	{
	  echo '# By `make lock`: what runs needs, in the image too, with the hashes of all files on PyPI.'
	  echo '# torch is in requirements-torch.lock. GitPython, mypy and types-greenlet are not here: MLflow'
	  echo '# and Feast declare them, and no command of this project needs them.'
	  cat "$$new/run"
	} > requirements.lock
	{
	  echo '# By `make lock`: what development needs beside requirements.lock and requirements-torch.lock.'
	  cat "$$new/dev"
	} > requirements-dev.lock
	{
	  echo '# By `make lock`: torch, and the libraries that its CUDA build loads.'
	  echo '# The hashes are of all files on PyPI (CUDA for Linux, CPU for macOS and Windows) and, first of'
	  echo '# those of torch, of the CPU build for Linux on x86_64. That one is not on PyPI: it is the hash'
	  echo '# of the file that the project is tested with, and was not compared with a page of its'
	  echo '# publisher. `make install` refuses any other build; add its hash to use it.'
	  cat "$$new/torch"
	} > requirements-torch.lock

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
	printf '\n$$ python -m serving run --without-keys --port $(PORT) &\n'
	python -m serving run --without-keys --port $(PORT) & server=$$!
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
	printf '  MLFLOW_DISABLE_TELEMETRY=true .venv/bin/mlflow ui --backend-store-uri sqlite:///%s/mlflow.db  the runs\n' "$(DEMO_HOME)"

serve: install ## Serve the demo shop's champions on 127.0.0.1
	$(BIN)/python -m serving run --without-keys --home "$(DEMO_HOME)" --port $(PORT)

check: install ## Format, lint, types, import contract, file length
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@long=$$(git ls-files '*.py' | xargs wc -l | awk '$$2 != "total" && $$1 > 300'); \
	  if [ -n "$$long" ]; then echo "files over 300 lines:"; echo "$$long"; exit 1; fi

test: install ## The default suite
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

test-slow: install ## The long tests
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m slow

soak: install ## Mixed load for MINUTES (30) and kill -9 at KILLS moments (50), on real servers
	REGULARS_SOAK_MINUTES=$(MINUTES) $(BIN)/pytest -s -m slow tests/serving/test_soak.py
	REGULARS_KILLS=$(KILLS) $(BIN)/pytest -s -m slow tests/serving/test_kills.py

attack: install ## Attack real servers for about MINUTES (30): ATTACKS=rim, fuzz, kills, ...; default all
	REGULARS_ATTACK_MINUTES=$(MINUTES) $(BIN)/python -m tests.attack $(ATTACKS)

bench-scale: install ## Time and memory of all stages at 1, 4 and 16 times a simulated shop
	$(BIN)/python -m training benchmark scale --sizes 1,4,16 --output .regulars-bench/scale.csv

bench-serving: install ## Cost of an answer beside a bare FastAPI endpoint; BENCH_HOME=DIR, needs wrk
	$(BIN)/python -m serving bench --home "$(BENCH_HOME)"

clean: ## Remove caches; a workspace goes by deleting its directory
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
