# Everything here needs Python 3.11 or newer with venv, and make. Nothing else: no compiler, Docker, Node or root.
#
#   make up            start Migrator          PORT=8000 HOST=127.0.0.1 SECONDS=60 (stops by itself)
#   make demo          the same, with a demo   GATEWAY_PORT=8080
#   make demo-httpbin  the same, with the real httpbin behind the gateway
#   make test          all tests               ARGS="tests/core -x"  JOBS=4
#   make check         format, lint, types, imports, migrations, schema
#   make bench         benchmarks beside their peers
#   make setup-system  what the tests use if it is there: a browser (root and apt)
#   make schema        write docs/api/openapi.yaml anew
#   make screenshots   take the README's pictures anew
#   make clean         remove .venv, data and caches of this checkout

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help up demo demo-httpbin test check bench setup-system schema screenshots clean

VENV := .venv
PYTHON := $(VENV)/bin/python
JOBS ?= auto
ARGS ?=
# Wheels only: a package that would need a compiler fails at once, by name.
PIP := $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input --only-binary :all:
# The product's settings on servers of their own, so that checking needs nothing that runs.
ON_TEST_SERVERS := DJANGO_SETTINGS_MODULE=tests.settings

help:
	@sed -n '3,/^$$/s/^#//p' Makefile

up: $(VENV)/installed
	@$(PYTHON) -m migrator.local up

demo: $(VENV)/installed
	@$(PYTHON) -m migrator.local demo

demo-httpbin: $(VENV)/installed
	@$(PYTHON) -m migrator.local demo-httpbin

test: $(VENV)/installed-dev
	@$(PYTHON) -m pytest --numprocesses $(JOBS) --dist loadfile $(ARGS)

check: $(VENV)/installed-dev
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(VENV)/bin/lint-imports --no-cache
	$(ON_TEST_SERVERS) $(PYTHON) manage.py makemigrations --check --dry-run
	@mkdir -p .local
	$(ON_TEST_SERVERS) $(PYTHON) manage.py spectacular --validate --fail-on-warn --file .local/openapi.yaml
	diff -u docs/api/openapi.yaml .local/openapi.yaml || { echo "The schema changed: make schema"; exit 1; }
	sh -n docker/entrypoint.sh
	@echo "All is well."

bench: $(VENV)/installed-bench
	@$(PYTHON) -m bench $(ARGS)

schema: $(VENV)/installed-dev
	@mkdir -p docs/api
	$(ON_TEST_SERVERS) $(PYTHON) manage.py spectacular --validate --fail-on-warn --file docs/api/openapi.yaml

screenshots: $(VENV)/installed-dev
	@$(PYTHON) -m demo.screenshots

setup-system:
	@if command -v chromium >/dev/null || command -v google-chrome >/dev/null; then echo "A browser is here."; \
	elif [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "Not root, or no apt: install Chromium yourself, or let the tests that need it skip."; \
	else apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends chromium; fi

clean:
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m migrator.local clean; fi
	@rm -rf $(VENV) .local staticfiles .mypy_cache .pytest_cache .ruff_cache .hypothesis

# ------------------------------------------------------------------ the virtual environment

# One stamp for each set of requirements; a second run has nothing to do.
$(VENV)/installed: requirements.txt | $(VENV)/created
	@echo "Installing what Migrator runs on (once) …"
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	@echo "Installing what its tests and checks need (once) …"
	@$(PIP) -r requirements-dev.txt
	@touch $@

$(VENV)/installed-bench: requirements-bench.txt $(VENV)/installed-dev
	@echo "Installing the peers to measure against (once) …"
	@$(PIP) -r requirements-bench.txt
	@touch $@

$(VENV)/created:
	@for python in python3 python3.14 python3.13 python3.12 python3.11; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; python=; \
	done; \
	if [ -z "$$python" ]; then echo "Migrator needs Python 3.11 or newer: https://www.python.org/downloads/"; exit 1; fi; \
	$$python -m venv $(VENV) || { rm -rf $(VENV); echo "Python came without venv: on Debian, apt install python3-venv."; exit 1; }
	@touch $@
