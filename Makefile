# Every target works on a fresh clone and writes nothing outside of it.

VENV := .venv
BIN := $(VENV)/bin
TS := ts-client
PYTHON_READY := $(VENV)/.ready
NODE_READY := $(TS)/node_modules/.ready
BENCH_READY := bench/node_modules/.ready

export PIP_CACHE_DIR := $(CURDIR)/.cache/pip
export npm_config_cache := $(CURDIR)/.cache/npm
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export TMPDIR := $(CURDIR)/.cache/tmp
# Images set it by default; without its bytecode a sidecar takes a third longer to start.
unexport PYTHONDONTWRITEBYTECODE
$(shell mkdir -p $(TMPDIR))

.PHONY: demo test check bench bench-short faults soak wheelhouse pack wheel test-install test-python test-node build \
  generate clean help

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(PYTHON_READY) build ## set up, then run the main job: five tools and five attacks, as a table
	@npm --prefix $(TS) run --silent demo

test: check test-python test-node ## set up, then run every check and every test, Python and TypeScript

check: $(PYTHON_READY) build ## types, style, layers, the worker's Python floor
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vermin --target=3.7- --no-tips --violations sidecar/worker
	npm --prefix $(TS) run --silent check

# Two at once, since much of a test is waiting. These take as long as all others together.
HALF := between_runs client compatibility containers escapes faults jail unit
HALF_LOG := .cache/test-half.log

test-python: $(PYTHON_READY)
	@$(BIN)/python -m pytest $(HALF:%=tests/%) >$(HALF_LOG) 2>&1 & half=$$!; \
	trap 'kill $$half 2>/dev/null' EXIT INT TERM; \
	$(BIN)/python -m pytest --ignore=tests/install $(HALF:%=--ignore=tests/%); status=$$?; \
	wait $$half || status=$$?; \
	cat $(HALF_LOG); exit $$status

test-install: pack wheel ## both packages, installed into empty directories and run there without a network
	$(BIN)/python -m pytest tests/install

test-node: $(PYTHON_READY) build
	npm --prefix $(TS) test --silent

bench: $(PYTHON_READY) $(BENCH_READY) build ## measure it beside everything else that there is, as one table and a picture
	node bench/bench.mjs

bench-short: $(PYTHON_READY) build ## what of it needs no install, in a minute; fails where a ratio has become twice as bad
	node bench/bench.mjs --short

faults: $(PYTHON_READY) ## 20,000 calls while processes die and stop and everything runs out (FAULT_CALLS, FAULT_SEED)
	FAULT_CALLS=$${FAULT_CALLS:-20000} FAULT_SEED=$${FAULT_SEED:-$$(date +%s)} $(BIN)/python -m pytest -s tests/faults

soak: $(PYTHON_READY) ## an hour at 70 % load, with a plot at the end (SOAK_SECONDS)
	PYTHONPATH=tests $(BIN)/python tests/soak/soak.py

build: $(NODE_READY)
	@npm --prefix $(TS) run --silent build

wheelhouse: $(PYTHON_READY)
	$(BIN)/python wheelhouse/collect.py

pack: $(NODE_READY) ## the Node package with everything in it, as dist/pyrunner-VERSION.tgz
	mkdir -p dist
	npm --prefix $(TS) pack --silent --pack-destination "$(CURDIR)/dist" ./$(TS)

wheel: $(PYTHON_READY) ## the Python package, as dist/pyrunner_sidecar-VERSION-py3-none-any.whl
	$(BIN)/python -m pip --quiet wheel --no-deps --wheel-dir dist .

generate: $(PYTHON_READY) $(NODE_READY) ## the client's types, from the sidecar's JSON Schema
	npm --prefix $(TS) run generate

$(PYTHON_READY): pyproject.toml
	python="$$(.ci/python)" && "$$python" -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --quiet --editable '.[dev]'
	touch $@

# Not `npm ci`: it refuses a lock file without every platform's optional binary, which a mirror need not have.
$(NODE_READY): $(TS)/package-lock.json
	npm --prefix $(TS) install --silent --no-save --no-audit --no-fund
	touch $@

$(BENCH_READY): bench/package-lock.json bench/requirements.txt $(PYTHON_READY)
	npm --prefix bench install --silent --no-save --no-audit --no-fund
	$(BIN)/python -m venv --clear bench/.venv
	bench/.venv/bin/python -m pip install --quiet --quiet --requirement bench/requirements.txt
	touch $@

clean: ## what the targets above made
	rm -rf $(VENV) .cache dist $(TS)/node_modules $(TS)/dist $(TS)/wheelhouse $(TS)/LICENSE bench/node_modules bench/.venv
