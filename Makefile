SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:

PORT ?= 8000
VENV := .venv
RUN := $(VENV)/bin/python
# Written last, so an interrupted install is taken up again.
READY := $(VENV)/.ready

# A name on PATH is no proof: it may be a shim without a Python behind it, or an older one.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	"$$name" -c '$(NEW_ENOUGH)' >/dev/null 2>&1 && echo "$$name" && break; done)

export PORT

.PHONY: help serve test check check-lint check-format check-types check-imports check-schema
.PHONY: fix schema migrations bench lock clean environment

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(READY) ## Migrate, load the demo shop into an empty database, serve on PORT (8000)
	$(RUN) -m api migrate
	$(RUN) -m api demo --if-empty
	XIAOKA_DEMO=$${XIAOKA_DEMO:-1} exec $(RUN) -m api serve

test: $(READY) ## Run every test, those that kill servers too
	@exec $(RUN) -m pytest 2>&1

check: check-lint check-format check-types check-imports check-schema ## Look without touching (-k: to the end)

check-lint: $(READY)
	$(RUN) -m ruff check .

check-format: $(READY)
	$(RUN) -m ruff format --check .

check-types: $(READY)
	$(RUN) -m mypy

check-imports: $(READY)
	$(VENV)/bin/lint-imports

check-schema: $(READY)
	$(RUN) -m api schema --check

fix: $(READY) ## Repair what a machine can repair
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

schema: $(READY) ## Print schema.graphql from the code
	$(RUN) -m api schema --write

migrations: $(READY) ## Write the migrations that the models ask for
	$(RUN) -m tortoise -c api.settings.TORTOISE_ORM makemigrations

bench: $(READY) ## Measure what the README says about speed
	$(RUN) -m benchmarks

lock: ## Resolve pyproject.toml into requirements.lock again (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--extra dev pyproject.toml -o requirements.lock

clean: ## Remove the environment and the caches; data in var/ stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment: $(READY) ## Make .venv from requirements.lock

# Debian ships Python without ensurepip; the pip outside can fill the environment just as well.
$(READY): requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) >/dev/null || "$(PYTHON)" -m venv --clear --without-pip $(VENV)
	@if $(RUN) -m pip --version >/dev/null 2>&1; then pip="$(RUN) -m pip"; \
	else pip="$(PYTHON) -m pip --python $(RUN)"; fi; \
	echo "Installing what requirements.lock names into $(VENV) ..."; \
	$$pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@
