# Two commands do everything on a fresh machine with python3 (3.11 or newer) and make:
#   make demo    set up, analyse the study in sample_data/, print where the report is
#   make test    set up, run the tests (the long ones run in .ci/run)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-all check lock sample-data clean

demo: $(READY)
	@$(BIN)/ifi-mri demo --out out/demo

test: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadscope -m "not long"

test-all: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadscope

check: $(READY)
	scripts/check

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "ifi-mri needs Python 3.11 or newer; say which with: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Renew the locked versions from pyproject.toml (needs uv).
lock:
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	  --group build --group test --group check --no-header --quiet -o requirements.lock

sample-data: $(READY)
	$(BIN)/python scripts/make_sample_data.py

clean:
	rm -rf $(VENV) out .pytest_cache .mypy_cache .ruff_cache .hypothesis
