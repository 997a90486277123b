# make            what there is to type
# Everything runs in .venv, made on first use from constraints.txt.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: help demo test lint format bench soak clean

help:
	@echo "make demo    start three sandboxes, sync a backlog, edit it, sync again"
	@echo "make test    unit, property, contract, end-to-end and packaging tests"
	@echo "make lint    ruff, mypy --strict, import rules"
	@echo "make format  lay the code out as lint wants it"
	@echo "make bench   measure"
	@echo "make soak    long property, kill and soak runs"
	@echo "make clean   remove what make made"

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "syncer needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[postgresql,dev]"
	touch $@

demo: $(STAMP)
	$(BIN)/syncer demo

test: $(STAMP)
	$(BIN)/pytest -n 2 --dist loadfile -m "not soak" --ignore tests/bench

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/pytest tests/bench -s

# Every test marked `soak`, wherever it is, with an hour for each. SYNCER_SEED=n makes the soak of tests/soak
# happen once more, SYNCER_SOAK_ITEMS, _EDITS and _RUNS make it larger or smaller; -s shows its figures.
soak: $(STAMP)
	PYTHONHASHSEED=0 $(BIN)/pytest -m soak -s --timeout 3600

clean:
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
