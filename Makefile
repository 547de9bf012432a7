# kafkade: `make help` explains each target. Everything runs in .venv, made from requirements-dev.lock.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test e2e test-unit check crds manifests lock sbom audit bench faults bench-fairness bench-schemas bench-growth bench-service soak prepare clean fuzz crashes
.PHONY: transitions

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}'

$(READY): requirements-dev.lock pyproject.toml
	@echo "==> making the Python environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit("kafkade needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## the main job, shown on a real Kubernetes API, Kafka and schema registry
	$(BIN)/python deploy/demo/demo.py

prepare: $(READY) ## fetch and build the real Kubernetes API, Kafka versions and registry into the cache
	$(BIN)/python -m kafkade.devstack prepare --all

test: prepare ## all tests: unit, integration and end to end, on real parts; on a real node where one can run
	$(BIN)/pytest -n 2 --dist loadscope
	$(BIN)/python -m kafkade.devstack prepare-node --if-possible
	$(BIN)/python -m kafkade.devstack apart --if-possible $(BIN)/pytest tests/node

e2e: prepare ## on a real node with pods: the chart installed, used, upgraded, uninstalled (root on Linux)
	$(BIN)/python -m kafkade.devstack prepare-node
	$(BIN)/python -m kafkade.devstack apart $(BIN)/pytest tests/node

test-unit: $(READY) ## only the tests of pure code
	$(BIN)/pytest tests/unit

check: $(READY) ## formatting, lint, types, layers, fresh CRDs, reference and manifests
	$(BIN)/ruff format --check operator tests bench deploy docs helm
	$(BIN)/ruff check operator tests bench deploy docs helm
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/kafkade crds --check crds
	$(BIN)/python docs/generate.py --check
	$(BIN)/python helm/generate.py --check
	$(BIN)/python helm/dashboards.py --check
	$(BIN)/python helm/render.py --check
	$(BIN)/python deploy/argocd/generate.py --check
	$(BIN)/python deploy/supply/sbom.py --check

crds: $(READY) ## write crds/, the chart's copy, its dashboards and docs/reference/
	$(BIN)/kafkade crds crds
	$(BIN)/python docs/generate.py
	$(BIN)/python helm/generate.py
	$(BIN)/python helm/dashboards.py
	$(BIN)/python deploy/argocd/generate.py

manifests: crds ## render deploy/operator.yaml from the chart
	$(BIN)/python helm/render.py

lock: ## renew requirements*.lock from pyproject.toml, and the SBOM
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra otel --extra service --group dev --universal --generate-hashes \
	  --no-emit-index-url --python-version 3.11 --upgrade -o requirements-dev.lock
	$(BIN)/uv pip compile pyproject.toml --extra otel --universal --generate-hashes \
	  --no-emit-index-url --python-version 3.11 --upgrade -o requirements.lock
	echo 'hatchling>=1.27' | $(BIN)/uv pip compile - --universal --generate-hashes --no-header \
	  --no-emit-index-url --python-version 3.11 --upgrade -o requirements-build.lock
	$(BIN)/python deploy/supply/sbom.py

sbom: $(READY) ## write sbom.cdx.json (CycloneDX): what the operator's image has, from requirements.lock
	$(BIN)/python deploy/supply/sbom.py

audit: $(READY) ## ask PyPI and OSV for advisories about what the image has, and the index for what is yanked; 3 when one could not be asked
	$(BIN)/python deploy/supply/audit.py

crashes: prepare ## the operator killed at each await of each scenario, then compared with a run without (some 40 minutes)
	$(BIN)/pytest tests/integration/crashes --every-crash --record

bench: $(READY) ## measure against a floor in the same run; results as ratios
	$(BIN)/python bench/topics.py
	$(BIN)/python bench/redrive.py
	$(BIN)/python bench/plan.py

bench-fairness: $(READY) ## one topic beside 10,000 of a neighbour, and a cluster beside two that are down
	$(BIN)/python bench/fairness.py

bench-schemas: $(READY) ## 2,000 schemas with references against the bare registry writes
	$(BIN)/python bench/schemas.py

bench-growth: $(READY) ## time, CPU and memory over the number of topics, with plots
	$(BIN)/python bench/growth.py

TRANSITIONS ?= 2000
transitions: prepare ## specs of every kind through 2,000 transitions, each beside a fresh install; writes docs/results
	$(BIN)/pytest tests/integration/transitions --transitions $(TRANSITIONS) --record --log-cli-level=INFO

FUZZ_SECONDS ?= 60
fuzz: $(READY) ## look for bytes that break a parser, FUZZ_SECONDS=60 for each; guided by coverage where atheris installs
	-$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r tests/fuzz/requirements.txt
	PYTHONPATH=tests $(BIN)/python -m fuzz.run --seconds $(FUZZ_SECONDS) $(FUZZ)

bench-service: $(READY) ## publishing and listeners of a service against bare confluent-kafka
	$(BIN)/python bench/service.py

MINUTES ?= 120
soak: $(READY) ## two hours (MINUTES=120) of changes and restarts: memory, handles and statuses stay, nothing is missed
	$(BIN)/python bench/soak.py --minutes $(MINUTES)

faults: prepare ## random actions under random faults for FAULT_MINUTES=20 (SEED=n repeats a run, RECORD=1 writes docs/results)
	$(BIN)/python bench/faults.py --minutes $(or $(FAULT_MINUTES),20) $(if $(SEED),--seed $(SEED)) $(if $(RECORD),--record)

clean: ## remove the environment and build results; the cache stays
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
