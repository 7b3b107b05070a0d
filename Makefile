# `make reproduce` and `make test` need make and Python 3.11 or newer, nothing else.  Both first
# install the packages of requirements.lock into .venv, each checked against its hash.  This happens
# once, and again when the lock changes.  It can be interrupted at any point and run again.

PYTHON ?=
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
# Bytecode is kept where the environment forbids it: without, each process compiles SymPy anew.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

.PHONY: reproduce test test-slow mutants lint bench environment
.DEFAULT_GOAL := reproduce

reproduce: environment ## run every study and claim; print the verdicts; write the report
	@$(PY) -m aimctheory reproduce

test: environment ## run every test that is not marked slow
	@$(PY) -m pytest -q -m "not slow" -n 2 --dist worksteal

test-slow: environment ## run the tests that are marked slow
	@$(PY) -m pytest -q -m slow -n 2 --dist worksteal

mutants: environment ## plant 60 small bugs, one at a time; print how many of them tests notice
	@$(PY) -m tests.mutants 60

lint: environment ## run ruff and mypy
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

bench: environment ## time the simulator against NumPy and plain Numba (about 3 minutes)
	@$(PY) -m benchmarks

environment:
	@test -f .venv/.made && $(PY) -c '' 2>/dev/null || $(PY) -m pip --version >/dev/null 2>&1 || { \
	  for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	      found=$$python; break; \
	    fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "aimctheory needs Python 3.11 or newer and found none; install one, or name it:" \
	      "make PYTHON=/path/to/python3.11" >&2; exit 2; \
	  fi; \
	  if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "$$found cannot make virtual environments; install its venv package" \
	      "(on Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 2; \
	  fi; \
	  echo "making .venv with $$("$$found" --version)"; \
	  "$$found" -m venv --clear .venv; \
	}
	@touch .venv/.made
	@lock=$$(cksum < requirements.lock); \
	if [ "$$lock" != "$$(cat .venv/.installed-lock 2>/dev/null)" ]; then \
	  echo "installing the locked packages into .venv (a minute or so, once)"; \
	  rm -f .venv/.installed-*; \
	  $(PIP) install --no-compile --require-hashes --only-binary :all: -r requirements.lock || exit 2; \
	  echo "$$lock" > .venv/.installed-lock; \
	fi
	@project="$$(cksum < pyproject.toml) in $(CURDIR)"; \
	if [ "$$project" != "$$(cat .venv/.installed-project 2>/dev/null)" ]; then \
	  $(PIP) install --no-deps --no-build-isolation -e . || exit 2; \
	  echo "$$project" > .venv/.installed-project; \
	fi
