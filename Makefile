# `make help` lists what there is. Every path is relative, so that the checkout may lie in a folder with spaces.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv/bin
AIRWORTHY := $(VENV)/python -m include.cli
# Whoever names a Python gets it; otherwise an environment of any supported Python is good enough.
SETUP_FLAGS := $(if $(filter command environment,$(firstword $(origin PYTHON))),--this-python) $(if $(filter setup,$(MAKECMDGOALS)),,--quiet)

.PHONY: help setup lock lint format up down status demo test test-fast benchmark screenshots clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup:  ## make .venv from requirements.txt (nothing to do: under 2 s); PYTHON=python3.12 chooses the Python
	@"$(PYTHON)" -c "" 2>/dev/null || { echo "setup: there is no $(PYTHON). Install Python 3.11, 3.12 or 3.13 (Debian 12: apt-get install python3 python3-venv), or name one: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" config/bootstrap.py $(SETUP_FLAGS)

lock: setup  ## write requirements.txt from requirements.in (UPGRADE=1: take newer versions)
	@$(VENV)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade) requirements.in --output-file requirements.txt

lint: setup  ## ruff (rules and format) and mypy
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy

format: setup  ## let ruff put the code in order
	@$(VENV)/ruff check --fix --quiet . || true
	@$(VENV)/ruff format .

up: setup  ## start Airflow and MLflow on this machine (FOREGROUND=1: stay, Ctrl-C stops them)
	@$(AIRWORTHY) up $(if $(FOREGROUND),--foreground)

down: setup  ## stop them, leaving no process
	@$(AIRWORTHY) down

status: setup  ## say which services run, and where
	@$(AIRWORTHY) status

demo: setup  ## the whole life of a model on real flights, in the real scheduler
	@$(AIRWORTHY) demo

test: setup  ## every test
	@$(VENV)/python -m pytest tests -n 2 --dist loadfile

test-fast: setup  ## the tests that start no service
	@$(VENV)/python -m pytest tests -m "not slow" -n 2 --dist worksteal

benchmark: setup  ## what this project's own work costs beside Airflow's (some minutes; its own ports and folder)
	@PYTHONPATH=. $(VENV)/python benchmarks/orchestration.py

screenshots: setup  ## take the pictures of README.md from the running demo (needs Chromium)
	@PYTHONPATH=. $(VENV)/python docs/take_screenshots.py

clean:  ## stop the services and remove .airworthy: the lake, the models and the databases too
	@if [ -x $(VENV)/python ]; then env -u AIRWORTHY_HOME $(AIRWORTHY) down; fi
	@rm -rf .airworthy
