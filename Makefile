# `make demo` and `make test` set up all that they need; see README.md.
SHELL := /bin/bash
VENV ?= .venv
PYTHON := $(VENV)/bin/python
export HONK_TEST_TOOLS ?= $(abspath $(VENV))/test-tools
JOBS ?= 2
ENGINE := $(if $(HONK_NO_INSTALL),--no-install) $(if $(HONK_HOME),--home "$(HONK_HOME)")
CODE := $(wildcard honk tests scripts examples benchmarks)

.PHONY: help demo test test-all lint setup engine bench clean
help:
	@echo "make demo      a change request becomes a verified pull request, in real Docker"
	@echo "make test      every contract and one story of each failure class (what CI runs)"
	@echo "make test-all  everything: every crash point, every story, load"
	@echo "make lint      ruff and mypy"
	@echo "make bench     the figures of benchmarks/"

setup:
	@sh scripts/bootstrap.sh

engine: setup
	@$(PYTHON) -m honk.sandboxes.engine $(ENGINE)

demo: engine
	@$(PYTHON) scripts/demo.py

lint: setup
	$(VENV)/bin/ruff check $(CODE)
	$(VENV)/bin/ruff format --check $(CODE)
	$(VENV)/bin/mypy honk

# What tests leave among the system's temporary files (runs that they kill, pytest's own folders) is
# in one folder, which goes when all of them passed. Its path is short, for sockets.
# Other users may pass it: PostgreSQL has one of its own.
TESTS := scratch=$$(mktemp -d /tmp/honk-XXXXXX) && chmod 711 $$scratch && TMPDIR=$$scratch \
	$(VENV)/bin/pytest -n $(JOBS) --dist loadgroup

test: lint engine
	$(PYTHON) scripts/test_prepare.py
	$(TESTS) -m "not full" --durations=30 && rm -rf $$scratch

test-all: lint engine
	$(PYTHON) scripts/test_prepare.py
	$(TESTS) && rm -rf $$scratch

bench: engine
	$(PYTHON) benchmarks/run.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache dist build
