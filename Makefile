# Daylight. `make` alone lists what there is.
.DEFAULT_GOAL := help
.PHONY: help run reset test drills storm smoke bench simulate check
SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | awk -F '\t' '{ printf "  make %-12s %s\n", $$1, $$2 }'

# The newest Python that is there and new enough; PYTHON=... make run chooses another.
$(VENV)/installed: requirements.txt
	@for p in "$(PYTHON)" python3 python3.13 python3.12 python3.11; do \
	  if [ -n "$$p" ] && command -v "$$p" >/dev/null 2>&1 && "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$p"; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo "Daylight needs Python 3.11 or newer (PYTHON=/path/to/python3 make ...)" >&2; exit 1; fi; \
	"$$found" -m venv $(VENV) && $(PY) -m pip install --quiet -r requirements.txt && touch $@

# The agent's list is complete; without --no-deps a compiler would be needed for what it never uses.
$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt requirements-agent.txt
	@$(PY) -m pip install --quiet -r requirements-dev.txt && $(PY) -m pip install --quiet --no-deps -r requirements-agent.txt && touch $@

run: $(VENV)/installed ## start everything with a demo company (PORT=8123 for another port)
	@exec $(PY) -m portal.stack run

reset: $(VENV)/installed ## remove the demo's data, keys and ledger; the next run begins again
	@$(PY) -m portal.stack reset

test: $(VENV)/installed-dev ## lint, contracts and all tests except the drills
	@$(MAKE) --no-print-directory check
	@$(PY) -m pytest -m "not drill" -n 3 --dist worksteal

drills: $(VENV)/installed-dev ## faults: kill -9, a flushed broker, a full disk, against the real processes
	@$(PY) -m pytest -m drill -n 2 --dist worksteal

storm: $(VENV)/installed-dev ## people at work while faults happen, then everything is checked (SECONDS=1800, SEED=7)
	@$(PY) -m tests.drills.storm $${SECONDS:-60} $$SEED

smoke: $(VENV)/installed ## the main job over HTTP against a stack of its own, a figure a line
	@$(PY) -m portal.stack.smoke

bench: $(VENV)/installed-dev ## ratios against what one would have instead (BENCH_SCALE=0.1 for a quick look)
	@$(PY) -m bench

simulate: $(VENV)/installed-dev ## what a page, a batch and an erasure cost in a large company (PEOPLE=100000 DAYS=30)
	@PEOPLE=$${PEOPLE:-100000} DAYS=$${DAYS:-30} $(PY) -m bench.simulate

check: $(VENV)/installed-dev ## lint, types of imports, the walls of the house
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --quiet --check .
	@$(VENV)/bin/lint-imports --no-logo >/dev/null || $(PY) -c 'from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports())'
