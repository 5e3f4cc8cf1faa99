# Everything a developer does here. `make` alone tells what there is.

PYTHON ?= python3
# Tests wait for other processes and for time to pass: two workers for each core.
WORKERS ?= $(shell echo $$((2 * $$(nproc 2>/dev/null || sysctl -n hw.ncpu))))
SEED   := $(or $(SEED),$(shell date +%s))
RUN    := .venv/bin/python
MINUTES = 10
VENDOR := src/quixess/dashboard/static/vendor/.stamp
PIP    := $(RUN) -m pip --quiet --disable-pip-version-check
PYTEST  = $(RUN) -m pytest -n $(WORKERS) --randomly-seed=$(SEED)
PLAN   := $(RUN) -c 'from importlinter.cli import lint_imports_command as check; check()' --no-logo
LOCK   := $(RUN) -m uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
          --no-emit-index-url --no-annotate --no-header $(if $(UPGRADE),--upgrade)

ifneq ($(and $(MAKE_TERMOUT),$(if $(NO_COLOR),,yes)),)
BOLD := \033[1m
BLUE := \033[36m
RED  := \033[1;31m
OFF  := \033[0m
endif

# $(call step,name,command): run a command, show how long it took, and what it said only if it failed.
define step
@printf '$(BOLD)▸ %s$(OFF) ' '$(1)'; start=$$(date +%s); \
if said=$$($(2) 2>&1); then printf 'ok, %s s\n' "$$(($$(date +%s) - start))"; \
else printf '\n%s\n$(RED)✗ make $@ stopped: %s.$(OFF) %s\n' "$$said" '$(1)' '$(3)'; exit 1; fi
endef

# $(call tests,options): run tests in the open; pytest's own summary is the last line.
define tests
@printf '$(BOLD)▸ tests$(OFF) by %s workers, in random order %s\n' '$(WORKERS)' '$(SEED)'
@$(PYTEST) $(1) $(ARGS) || { \
printf '$(RED)✗ make $@ stopped: tests.$(OFF) The same order again: make %s SEED=%s\n' '$@' '$(SEED)'; exit 1; }
endef

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup up test quick format docs check check-all chaos failover soak bench wheel lock clean

help: ## this list
	@printf 'make $(BLUE)…$(OFF)\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  $(BLUE)%-10s$(OFF) %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: .venv/.dev-stamp ## everything to develop, in .venv (Python 3.11 or newer; else PYTHON=…)
	@printf 'Ready: make up · make test · make check\n'

up: .venv/.run-stamp $(VENDOR) ## Quixess with its own PostgreSQL and a simulated Meta, on this machine (ARGS="…" go to it)
	@.venv/bin/quixess up $(ARGS)

test: .venv/.dev-stamp ## all tests but the slow ones, in parallel and random order (ARGS="-k otp" chooses)
	$(call tests,-m 'not slow')

quick: .venv/.dev-stamp ## the tests for between two edits: neither slow ones nor ones that kill processes
	$(call tests,-m 'not slow and not crash')

format: .venv/.dev-stamp ## format the code and repair what can be repaired
	@$(RUN) -m ruff check --quiet --fix-only .
	@$(RUN) -m ruff format .

docs: .venv/.dev-stamp ## write what the pages show of the source: docs/api.md and the texts of /docs
	@$(RUN) -m tests.docs.writing

check: .venv/.dev-stamp ## what CI runs: format, lint, floor plan, types, tests with house and docs
	$(call step,format,$(RUN) -m ruff format --check .,`make format` puts it right.)
	$(call step,lint,$(RUN) -m ruff check .,`make format` repairs a part of it.)
	$(call step,floor plan,$(PLAN),docs/house.md tells where things belong.)
	$(call step,types,$(RUN) -m mypy,)
	$(call tests,$(TESTS))

check-all: TESTS :=
check-all: check ## check, with the slow tests: before an issue is called done

chaos: .venv/.dev-stamp ## kill, freeze, fill and set wrong everything at random under load (MINUTES=10; ARGS="--seed 7")
	@$(RUN) -m tests.chaos --minutes $(MINUTES) --everything $(ARGS)

failover: .venv/.dev-stamp ## let the primary of a Patroni cluster die under load (ARGS="--asynchronous" measures the loss)
	@$(RUN) -m tests.chaos.failover $(ARGS)

soak: .venv/.dev-stamp ## a steady load with hostile receivers: memory, files, dead rows, tables (MINUTES=60)
	@$(RUN) -m tests.chaos.soak --minutes $(MINUTES) $(ARGS)

bench: .venv/.bench-stamp ## measure: CPU per operation, against the least possible and the usual stack (ARGS="send growth …")
	@$(RUN) -m bench $(ARGS)

wheel: .venv/.dev-stamp ## the package to install elsewhere: dist/*.whl and *.tar.gz, the same bytes from the same commit
	@rm -rf dist
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 1580601600) $(RUN) -m hatchling build
	@printf 'Install it anywhere, without Node: pip install %s\n' dist/*.whl

lock: .venv/bin/python ## write requirements/*.txt anew from pyproject.toml (UPGRADE=1 takes newer versions)
	@$(RUN) -m uv --version >/dev/null 2>&1 || $(PIP) install uv
	$(LOCK) -o requirements/run.txt
	$(subst pyproject.toml,--group node,$(LOCK)) -o requirements/node.txt
	$(subst pyproject.toml,--group build,$(LOCK)) -c requirements/dev.txt -o requirements/build.txt
	$(LOCK) --group dev -o requirements/dev.txt
	$(LOCK) --group dev --group bench -c requirements/dev.txt -o requirements/bench.txt

clean: ## remove caches and build results; keeps .venv and the data in .quixess
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

TESTS := -m 'not slow'

# The first `make up` needs a third of what developers need, so there are two stamps; the larger one covers both.
.venv/.run-stamp: requirements/run.txt | .venv/bin/python
	@printf 'Installing what Quixess runs on into .venv: once, about 20 s …\n'
	@$(PIP) install --root-user-action=ignore --require-hashes -r requirements/run.txt
	@printf '#!/bin/sh\nPYTHONPATH="%s/src" exec "%s/.venv/bin/python" -m quixess "$$@"\n' '$(CURDIR)' '$(CURDIR)' >.venv/bin/quixess
	@chmod +x .venv/bin/quixess
	@touch $@

.venv/.dev-stamp: requirements/dev.txt requirements/run.txt pyproject.toml $(VENDOR) | .venv/bin/python
	@printf 'Installing what developers need into .venv: once, about 30 s …\n'
	@$(PIP) install --root-user-action=ignore --require-hashes -r requirements/dev.txt
	@$(PIP) install --root-user-action=ignore --no-deps --no-build-isolation -e .
	@touch .venv/.run-stamp $@

.venv/.bench-stamp: requirements/bench.txt .venv/.dev-stamp
	@$(PIP) install --root-user-action=ignore --require-hashes -r requirements/bench.txt
	@touch $@

# What pages load and others wrote comes from npm. Without it the pages are plain, and the next make tries again.
$(VENDOR): package-lock.json hatch_build.py requirements/node.txt | .venv/bin/python
	@printf 'Fetching the browser files of the dashboard: once, some seconds …\n'
	@$(RUN) hatch_build.py || printf '$(BOLD)Going on without them:$(OFF) pages work and look plain until then.\n'

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || \
	{ printf '$(RED)✗ There is no %s here.$(OFF) Name yours: make PYTHON=/path/to/python\n' '$(PYTHON)'; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ printf '$(RED)✗ Quixess needs Python 3.11 or newer; %s is %s.$(OFF) Name a newer one: make PYTHON=python3.12\n' \
	'$(PYTHON)' "$$($(PYTHON) --version)"; exit 1; }
	@$(PYTHON) -m venv .venv || \
	{ rm -rf .venv; printf '$(RED)✗ Python could not make .venv.$(OFF) On Debian and Ubuntu: apt install python3-venv\n'; exit 1; }
