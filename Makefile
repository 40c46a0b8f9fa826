# The two commands a new machine needs: `make run` and `make test`. README has the same without make.
PYTHON ?= python3.11
PORT ?= 8501
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help run test lint docs bench torture clean

help:
	@echo "make run    set up and open the dashboard on http://localhost:$(PORT)"
	@echo "make test   set up and run every check: style, types, import law, tests in a real browser"
	@echo "make docs   the guide as a website in build/site"
	@echo "make lint   style, types and import law only"
	@echo "make torture  the long tests; kills at random moments, full disks, bombs, a damaged workspace, hostile texts: over an hour"
	@echo "make bench  the measured figures of docs/benchmarks.md"

$(VENV)/run.done: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev.done: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/run.done

run: $(VENV)/run.done
	$(BIN)/python -m streamlit run app.py --server.port $(PORT)

lint: $(VENV)/dev.done
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

docs: $(VENV)/dev.done
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet --site-dir build/site

test: lint docs
	# nice, because jobs run at low priority: beside tests of normal priority they would wait for a core
	nice $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --max-worker-restart 0

bench: $(VENV)/dev.done
	$(BIN)/python -m benchmarks

torture: $(VENV)/dev.done
	$(BIN)/python -m pytest -m long -n auto
	$(BIN)/python -m benchmarks.torture

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
