# Everything a person or CI does here. Each target sets up what it needs: Python 3.11+, git and make are enough.
#   PYTHON=/path/to/python3.12   which Python to set up with
#   CLONES="/path/a /path/b"     repositories for the measurements that need some
#   MINUTES=10                   how long `make soak` runs

.DEFAULT_GOAL := help
BIN := .venv/bin
WORKERS ?= 3
MINUTES ?= 10
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

.PHONY: help setup demo demo-incident test lint check bench bench-landing accuracy accuracy-scouts soak nightly lock format clean

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16
	@echo 'next: make demo'

setup: .venv/.ready ## make .venv with a working .venv/bin/watchkeeper

.venv/.ready: pyproject.toml requirements-dev.lock requirements-uv.lock tools/setup.sh
	@PYTHON='$(PYTHON)' sh tools/setup.sh

demo: .venv/.ready ## two changes collide while they are typed; then two real agents, offline (under 30 s)
	@$(BIN)/watchkeeper demo --agents .cache/agents

demo-incident: .venv/.ready ## two right changes hang a real PostgreSQL together, and the watch names both (under 60 s)
	@$(BIN)/watchkeeper demo --incident --tag packages/watchkeeper-tag/src

test: .venv/.ready ## the whole test suite
	$(PYTEST)

lint: .venv/.ready ## format, lint, types, layers
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

check: lint ## the same, and the fast tests (about a minute)
	$(PYTEST) --quiet tests/unit tests/golden

bench: .venv/.ready ## save -> event latency and cold start, beside a rival; writes benchmarks/results
	$(BIN)/python benchmarks/bench.py

bench-landing: .venv/.ready ## the landing queue beside others in virtual time (15 min; QUICK=--quick: 2)
	PYTHONPATH=benchmarks $(BIN)/python -m landing $(QUICK)

accuracy: .venv/.ready ## recall and false alarms on published pairs; CLONES="..." adds real conflicts
	$(BIN)/python benchmarks/accuracy.py
	$(BIN)/python benchmarks/real_conflicts.py $(CLONES)

accuracy-scouts: .venv/.ready ## what scouts find of planted defects in CLONES="name=path ...", and how often they are wrong
	$(BIN)/python benchmarks/scouts.py $(CLONES)

soak: .venv/.ready ## random edits, truncations and noise over real sources, then scripted sessions, for MINUTES each
	$(BIN)/python benchmarks/soak.py --minutes $(MINUTES)
	$(BIN)/python benchmarks/notice_soak.py --minutes $(MINUTES)
	$(BIN)/python benchmarks/kill_storm.py
	$(BIN)/python benchmarks/landing_soak.py
	$(BIN)/python benchmarks/fleet_storm.py --minutes $(MINUTES)
	$(BIN)/python benchmarks/discord_storm.py
	$(BIN)/python benchmarks/database_soak.py --minutes $(MINUTES)
	$(BIN)/python benchmarks/web_soak.py

nightly: .venv/.ready ## real agents of every vendor that installs here, pinned; writes benchmarks/results
	$(BIN)/python benchmarks/conformance.py

lock: .venv/.ready ## write the lock files anew from pyproject.toml (UPGRADE=--upgrade for newer versions)
	@UPGRADE='$(UPGRADE)' sh tools/lock.sh

format: .venv/.ready ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove everything that setup and the checks made
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
