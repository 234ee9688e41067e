# `make demo` needs Python 3.11 or newer and nothing else; `make test` is what CI runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2

.PHONY: demo test check format bench docs clean

# --- environments: a stamp file a purpose, so that a second run installs nothing ---

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "vultus needs Python 3.11 or newer, got $$($(PYTHON) --version); set PYTHON=…" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/core.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/all.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[client,document,heif,onnxruntime,plots,server,train]' --group dev --group docs
	@touch $@ $(VENV)/core.stamp

# --- what people and CI call ---

demo: $(VENV)/core.stamp
	$(BIN)/vultus demo --output demo-output

# The page and the reports are tested in a real Chromium: one on PATH, or Debian's where root can
# install it; elsewhere those tests are skipped, and say so.
.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium >/dev/null; } || \
	  echo "NO CHROMIUM: the browser tests will be skipped" >&2

test: $(VENV)/all.stamp chromium
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/mkdocs build --strict --quiet
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadgroup

format: $(VENV)/all.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/all.stamp
	$(BIN)/mkdocs build --strict
	@echo "open site/index.html"

bench: $(VENV)/all.stamp
	$(BIN)/python benchmarks/all.py

clean:
	rm -rf $(VENV) site demo-output benchmarks/out
