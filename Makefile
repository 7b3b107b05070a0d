# Both commands set everything up first: a virtual environment with the locked, hashed packages.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed-$(shell cksum requirements.lock pyproject.toml 2>/dev/null | cksum | cut -d' ' -f1)
unexport VIRTUAL_ENV PYTHONPATH

.PHONY: reproduce test test-slow lint setup
.DEFAULT_GOAL := reproduce

reproduce: setup ## every study and every claim, the verdict table, the report
	$(BIN)/aimctheory reproduce

test: setup ## every test not marked slow
	$(BIN)/python -m pytest -q -m "not slow" -n 2 --dist worksteal

test-slow: setup ## the tests marked slow
	$(BIN)/python -m pytest -q -m slow -n 2 --dist worksteal

lint: setup ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "aimctheory needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "this Python cannot make virtual environments; install its venv package (Debian: apt-get install python3-venv)"; exit 2; }
	@echo "setting up .venv (locked packages, once)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
