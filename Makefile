# Two commands matter: `make up` and `make test`. `make help` lists the rest.
# Works with GNU make 3.81 and BSD tools: what is not in both is not used.

SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin

# What the environment was made of. Its checksum is in the stamp's name, so an unchanged lock
# costs nothing and a changed one is installed before the next verb runs.
LOCKS := requirements-uv.lock requirements.lock pyproject.toml
INSTALLED := $(VENV)/installed-$(shell cat $(LOCKS) | cksum | cut -d ' ' -f 1)

.PHONY: help up start stop status logs test chaos lint import bench bench-planning plots reset install

help: ## Show the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

up: $(INSTALLED) ## Start everything in the foreground; Ctrl-C stops it
	@exec $(BIN)/parstock up

start: $(INSTALLED) ## Start everything in the background
	@exec $(BIN)/parstock start

stop: $(INSTALLED) ## Stop what up or start started
	@exec $(BIN)/parstock stop

status: $(INSTALLED) ## Say what runs, and where it answers
	@exec $(BIN)/parstock status

logs: $(INSTALLED) ## Show the last log lines; ARGS="api -f" follows one part
	@exec $(BIN)/parstock logs $(ARGS)

test: $(INSTALLED) ## Run every test on a database of its own; ARGS="-k ledger" for some
	@exec $(BIN)/python -m tests $(ARGS)

chaos: $(INSTALLED) ## Kill, cut and fill everything, 50 times each; ARGS="--times 5 --seed 7"
	@exec $(BIN)/python -m tests.chaos $(ARGS)

lint: $(INSTALLED) ## Check format, types, imports, SQL and templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar api cli db orchestration simulation
	$(BIN)/sqlfluff lint --disable-progress-bar --templater jinja dbt_project
	$(BIN)/djlint --quiet --check --lint api/staff/templates

import: $(INSTALLED) ## Import a CSV, Excel or Parquet file: FILE=sales.csv [ARGS="--help"]
	@if [ -z "$(FILE)" ]; then \
	  echo 'Say which file: make import FILE=sales.csv'; exit 2; fi
	@exec $(BIN)/parstock import "$(FILE)" $(ARGS)

bench: $(INSTALLED) ## Measure the figures that the documents give
	@exec $(BIN)/python -m bench $(ARGS)

bench-planning: $(INSTALLED) ## Measure forecast and plan against their bars; ARGS=--large for more
	@exec $(BIN)/python -m bench.planning $(ARGS)

plots: $(INSTALLED) ## Draw the plots of docs/planning.md and print their figures
	@exec $(BIN)/python -m bench.plots $(ARGS)

reset: $(INSTALLED) ## Delete all of Parstock's data; asks first
	@exec $(BIN)/parstock reset $(ARGS)

install: $(INSTALLED) ## Make .venv from the hashed lock; every verb does so by itself

# PYTHON=... chooses the interpreter; else it is the first of these that is 3.11 to 3.13.
PYTHONS := $(or $(PYTHON),python3 python3.13 python3.12 python3.11)

$(INSTALLED): $(LOCKS)
	@python=; found=; for candidate in $(PYTHONS); do \
	  version=$$($$candidate -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) \
	    || continue; \
	  found="$$found $$candidate is $$version,"; \
	  case $$version in 3.11|3.12|3.13) python=$$candidate; break;; esac; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Parstock needs Python 3.11, 3.12 or 3.13 (here:$${found:- none found,} none fits):" \
	    "install one, or name it with make PYTHON=/path/to/python3.12." >&2; exit 1; fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$python cannot make a virtual environment because it has no ensurepip:" \
	    "run \`apt-get install python$$version-venv\` as root, then this again." >&2; exit 1; fi; \
	made=$$($(BIN)/python -c 'import pip, sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); \
	echo "making $(VENV) with Python $$version (once; later runs use it as it is)"; \
	if [ "$$made" != "$$version" ]; then rm -rf $(VENV) && $$python -m venv $(VENV) || exit 1; fi; \
	rm -f $(VENV)/installed-*
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes \
	  -r requirements-uv.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock \
	  $${PYTHONDONTWRITEBYTECODE:+--compile-bytecode}
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@
