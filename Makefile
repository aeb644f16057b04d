# `make` alone says what there is. A machine needs make and Python 3.11 or later; the rest goes into .venv, by hash.
PYTHON ?= python3
UV_VERSION := 0.13.8
BIN := .venv/bin
INSTALLED := .venv/.installed
PEERS := clients faust quix bytewax
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test lint bench bench-full faults faults-long faults-selftest image quality docs site lock clean

help:  ## say what there is (also without a target)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' Makefile

install: $(INSTALLED)  ## put what is needed into .venv, by hash

demo: $(INSTALLED)  ## see it work: Kafka, Redis, customers, events, and what is decided on them
	$(BIN)/bellwether demo

test: lint  ## lint, then every test, with a real Kafka and Redis; ends with pytest's own last line
	$(BIN)/pytest --numprocesses 3 --dist loadfile --cov --cov-report=term:skip-covered

lint: $(INSTALLED)  ## style, format, types, and which module may import which
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED)  ## ours beside Faust, Quix Streams and Kafka Streams on this machine, in a few minutes
	$(BIN)/python -m bench peers

bench-full: $(INSTALLED)  ## beside all peers, in all jobs and settings, for two hours; keeps the result
	$(BIN)/python -m bench peers --full --save

faults: $(INSTALLED)  ## kill, freeze and cut everything for some minutes, and compare with the oracle (SEED=7: that one)
	$(BIN)/python -m faults --short $(if $(SEED),--seed $(SEED))

faults-long: $(INSTALLED)  ## the same for most of an hour, on millions of events
	$(BIN)/python -m faults --long

faults-selftest: $(INSTALLED)  ## plant bugs: the faults must find each of them
	$(BIN)/python -m faults --selftest

image: $(INSTALLED)  ## build the workers' image, look into it, run, kill, cut off and stop it (Docker; BUILD="..." for its build)
	DOCKER_BUILDKIT=1 docker build --tag bellwether:0.1.0 $(BUILD) .
	$(BIN)/python -m faults.image

quality: $(INSTALLED)  ## precision and recall of every trigger on planted situations, several seeds
	$(BIN)/python -m agents.demo.quality

docs: $(INSTALLED)  ## write the pages and schemas that come from the code
	$(BIN)/bellwether docs triggers
	$(BIN)/bellwether docs reference
	$(BIN)/bellwether docs schema
	$(BIN)/python -m agents.metrics_page > docs/metrics.md

site: docs  ## the documentation as a site, in build/site/html; ends on a dead link
	$(BIN)/python -m agents.pages.site

lock: $(BIN)/uv  ## pin every package again, by hash, after a change of pyproject.toml
	$(COMPILE) pyproject.toml --extra stack --extra dev --extra bench --output-file requirements.lock
	$(COMPILE) pyproject.toml --output-file requirements-runtime.lock
	for name in $(PEERS); do $(COMPILE) bench/peers/environments/$$name.in --output-file bench/peers/environments/$$name.lock; done
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])' \
		| $(COMPILE) - --output-file requirements-build.lock

clean:  ## remove .venv, caches and what was built
	rm -rf .venv .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Made again only when the pins or the project's own description change. The lock is whole, so nothing is resolved (--no-deps):
# pip would otherwise reach past a pin for an extra, as soon as a newer version is out.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or later is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11"; \
		exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/uv: $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check --only-binary :all: uv==$(UV_VERSION)
