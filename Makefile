# Needs python3 (3.10 or newer) with venv, and make.
#   make demo   environment, install, then the dashboard on a small trained run, in the browser; Ctrl-C ends it
#   make report environment, install, then the same mixture trained from nothing to a report in demo-run/
#   make test   environment, install, then every check and test; PROCESSES=8 runs the tests in eight processes
#   make docs   the documentation in docs/_build/html, warnings are errors
#   make clean  removes what these made, the environment too
PYTHON ?= python3
PROCESSES ?= 2
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt
SOURCES := $(shell find cryohype_model cryohype_app assets -type f -not -path "*/node_modules/*" -not -name '*.pyc')
# A checkout that runs the tests has the sources linked in; the demo then runs those.
INSTALLED := $(if $(wildcard .venv/dev.stamp),.venv/dev.stamp,.venv/all.stamp)

.PHONY: demo report test docs clean

demo: $(INSTALLED)
	$(BIN)/cryohype-app serve --demo

report: $(INSTALLED)
	$(BIN)/cryohype demo -o demo-run --overwrite

test: .venv/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

docs: .venv/dev.stamp
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

.venv/bin/python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 10), "CryoHype needs Python 3.10 or newer, set PYTHON=..."'
	$(PYTHON) -m venv .venv

.venv/all.stamp: .venv/bin/python pyproject.toml constraints.txt $(SOURCES)
	$(INSTALL) '.[all]'
	touch $@

.venv/dev.stamp: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) -e '.[dev]'
	touch $@

clean:
	rm -rf .venv demo-run build dist docs/_build docs/reference/generated *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find cryohype_model cryohype_app tests docs -name __pycache__ -type d -prune -exec rm -rf {} +
