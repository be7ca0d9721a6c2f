# `make help` lists what there is. Every path is relative, so that the checkout may lie in a folder with spaces.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv/bin
AIRWORTHY := $(VENV)/airworthy
COMPILE = $(VENV)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"
YAMLLINT = {extends: default, rules: {line-length: disable, document-start: disable, braces: disable, truthy: {check-keys: false}, comments: {min-spaces-from-content: 1}}}
# Whoever names a Python gets it; otherwise an environment of any supported Python is good enough.
SETUP_FLAGS := $(if $(filter command environment,$(firstword $(origin PYTHON))),--this-python) $(if $(filter setup runtime,$(MAKECMDGOALS)),,--quiet)

.PHONY: help setup runtime lock engines env lint docs audit compose-check check-model format up down status demo test test-long test-fast test-s3 integration drills security nightly bench screenshots clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

define BOOTSTRAP
@"$(PYTHON)" -c "" 2>/dev/null || { echo "setup: there is no $(PYTHON). Install Python 3.11, 3.12 or 3.13 (Debian 12: apt-get install python3 python3-venv), or name one: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
@"$(PYTHON)" config/bootstrap.py $(SETUP_FLAGS)
endef

setup:  ## make .venv from requirements-dev.txt (nothing to do: under 2 s); PYTHON=python3.12 chooses the Python
	$(BOOTSTRAP)

runtime:  ## make .venv from requirements.txt: what runs, without the tools of development, which `make setup` adds
	$(BOOTSTRAP) --runtime

lock: runtime  ## write requirements.txt, -dev.txt and -scale.txt from their .in files (UPGRADE=1: take newer versions)
	@$(COMPILE) $(if $(UPGRADE),--upgrade) requirements.in --output-file requirements.txt
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --constraint requirements.txt requirements-dev.in --output-file requirements-dev.txt
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --constraint requirements-dev.txt requirements-scale.in --output-file requirements-scale.txt

engines: setup  ## add Spark and Dask, for use cases that declare them (requirements-scale.txt; Spark needs Java 17)
	@$(VENV)/uv pip install --quiet --python $(VENV)/python --require-hashes --requirement requirements-scale.txt

env:  ## write .env, the random secrets of docker-compose.yaml; one that is set is never changed
	@"$(PYTHON)" config/env.py

lint: setup  ## code, types, security, secrets, containers, workflows and words of prose by their linters
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy
	@$(VENV)/bandit --quiet --configfile pyproject.toml --recursive include dags plugins config
	@git ls-files -z | xargs -0 $(VENV)/detect-secrets-hook --baseline .secrets.baseline
	@$(VENV)/hadolint Dockerfile .ci/compose_check/images/*/Dockerfile
	@$(VENV)/shellcheck .ci/run .ci/compose_check/images/postgres/start
	@$(VENV)/yamllint --strict --config-data "$(YAMLLINT)" docker-compose.yaml .github .pre-commit-config.yaml docs
	@$(VENV)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yaml
	@$(VENV)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(VENV)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(VENV)/zizmor --offline --quiet .github
	@$(VENV)/python .ci/check_prose.py

docs: setup  ## build the pages of docs/ as a site in build/docs; a dead link is an error
	@$(VENV)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env docs build/docs

audit: setup  ## known vulnerabilities of what is locked (asks the advisory service; a package it cannot ask about fails)
	@$(VENV)/pip-audit --strict --disable-pip --require-hashes --requirement requirements-dev.txt

compose-check:  ## docker-compose.yaml on a real engine (brought from packages where none runs), from start to restored backup
	@PYTHONPATH=.ci "$(PYTHON)" -m compose_check $(if $(JSON),--json "$(JSON)")

check-model: runtime  ## validate the sample data, train once and judge by the gates; keeps nothing
	@$(AIRWORTHY) check flight_delays 2013-04-01

format: setup  ## let ruff put the code in order
	@$(VENV)/ruff check --fix --quiet . || true
	@$(VENV)/ruff format .

up: runtime  ## start Airflow and MLflow on this machine (FOREGROUND=1: stay, Ctrl-C stops them)
	@$(AIRWORTHY) up $(if $(FOREGROUND),--foreground)

down: runtime  ## stop them, leaving no process
	@$(AIRWORTHY) down

status: runtime  ## say which services run, and where
	@$(AIRWORTHY) status

demo: runtime  ## the whole life of a model on real flights, in the real scheduler
	@$(AIRWORTHY) demo

# Three at once on two cores: a test that waits for a service leaves its core to others. Services first, as they stand.
PYTEST := $(VENV)/python -m pytest tests --dist loadgroup --run-limit=60
test: setup  ## every test but those of test-long, test-s3, integration and drills
	@$(PYTEST) -m "not long and not integration and not drill and not long_on_s3" -n 3 --no-loadscope-reorder

test-long: setup  ## the tests that take long: lives in the real scheduler, planted leaks, kills, simulations
	@$(PYTEST) -m "long and not integration and not drill and not long_on_s3" -n 3 --no-loadscope-reorder

test-fast: setup  ## the quick tests: none that needs a trained model or a service
	@$(VENV)/python -m pytest tests -m "not slow and not integration and not drill" -n 2 --dist loadgroup

test-s3: setup  ## the long tests of the stages once more, with the lake on S3
	@$(VENV)/python -m pytest tests -m long_on_s3 -n 2 --dist loadgroup

integration: engines  ## days of two use cases on PostgreSQL, Redis, S3, MLflow and two Celery workers; of flights on Spark (needs Java 17)
	@$(VENV)/python -m pytest tests/integration -m integration

drills: setup  ## faults, made on purpose: what caught each, rows lost, content equal; writes the table in docs/drills.md
	@$(VENV)/python -m pytest tests/drills -n 2 --dist loadfile -v --drills-page docs/drills.md

security: setup  ## the attacks as tests: forgeries, roles, hostile files and forms, and fuzzers with ten times the examples
	@$(VENV)/python -m pytest tests -m security -n 2 --dist loadgroup --hypothesis-profile=security

TARGETS ?= demo test-long test-s3 integration drills security compose-check bench
nightly: setup  ## all that takes too long for every change, one after the other (hours), and docs/verified.md from it
	@$(VENV)/python .ci/nightly.py $(TARGETS)

bench: setup  ## what steps, a year and 50 use cases cost, beside the same by hand and an empty Airflow; writes docs/performance.md
	@$(VENV)/python -m benchmarks.bench $(BENCH)
	@$(VENV)/python -m benchmarks.small_days
	@$(VENV)/python -m benchmarks.year
	@$(VENV)/python -m benchmarks.many_use_cases
	@PYTHONPATH=. $(VENV)/python benchmarks/orchestration.py

screenshots: setup  ## take the pictures of README.md from the running demo (needs Chromium)
	@PYTHONPATH=. $(VENV)/python docs/take_screenshots.py

clean:  ## stop the services and remove .airworthy: the lake, the models and the databases too
	@if [ -x $(AIRWORTHY) ]; then env -u AIRWORTHY_HOME $(AIRWORTHY) down; fi
	@rm -rf .airworthy
