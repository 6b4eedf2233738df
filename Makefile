# Everything a newcomer needs: `make run`, `make test`. `make help` lists the rest.

# The newest Python from 3.11 on that is here and can make environments; say another with PYTHON=…
PYTHON ?= $(shell for python in python3.14 python3.13 python3.12 python3.11 python3; do \
    $$python -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
    && echo $$python && break; done || true)
VENV   := .venv
BIN    := $(VENV)/bin
APT    := apt install python3.11 python3.11-venv git make libcurl4 ca-certificates

.PHONY: help run test test-all check format bench docs lock clean need
.DEFAULT_GOAL := help

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/run.stamp ## Start MongoDB, the API and the worker, with two demo companies
	@exec $(BIN)/jazzaam run --demo

test: $(VENV)/dev.stamp ## Run the tests (14 minutes at most on two cores)
	$(BIN)/pytest -n 2 -m "not slow" $(PYTEST)

test-all: $(VENV)/dev.stamp ## Run the tests at full size, browsers included (an hour at most)
	$(BIN)/pytest -n 2 -m "not alone" --hypothesis-profile=search $(PYTEST)
	$(BIN)/pytest -m alone --hypothesis-profile=search $(PYTEST)

check: $(VENV)/dev.stamp ## Lint, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp ## Put the code in its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/dev.stamp ## Measure, as docs/performance.md tells it
	$(BIN)/python -m bench

docs: $(VENV)/dev.stamp ## Write the generated pages of docs/reference
	$(BIN)/python docs/generate.py

lock: $(VENV)/dev.stamp ## Choose versions anew, within pyproject.toml
	$(BIN)/uv pip compile -q --generate-hashes --no-annotate --no-header --no-emit-index-url --universal \
	    --python-version 3.11 --extra embedded --extra build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --generate-hashes --no-annotate --no-header --no-emit-index-url --universal \
	    --python-version 3.11 --extra embedded --extra build --extra dev pyproject.toml -o requirements-dev.lock

clean: ## Remove the environment and caches, never data
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache

need:
	@missing=""; \
	test -n "$(PYTHON)" && $(PYTHON) -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' \
	    >/dev/null 2>&1 || missing="$$missing python3.11 python3.11-venv"; \
	command -v git >/dev/null || missing="$$missing git"; \
	ldconfig -p 2>/dev/null | grep -q 'libcurl\.so\.4' || /sbin/ldconfig -p 2>/dev/null | grep -q 'libcurl\.so\.4' \
	    || missing="$$missing libcurl4"; \
	test -e /etc/ssl/certs/ca-certificates.crt || missing="$$missing ca-certificates"; \
	test -z "$$missing" || { echo "make: missing:$$missing. On Debian 12: $(APT)" >&2; exit 1; }

$(VENV)/bin/python: | need
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Setting up (once) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	@echo "Setting up the tests (once) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/run.stamp
