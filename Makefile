# Every target is also what CI runs. Nothing is written outside of this folder, save for the download caches of pip, uv and cargo.
.DEFAULT_GOAL := help
.PHONY: help setup setup-train demo demo-train test test-slow test-all lint format lock bench fuzz clean
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
PYTEST_ARGS ?= -n auto --maxprocesses=4
# For `make fuzz`: which target, for how long, and the toolchain with sanitizers.
TARGET ?= lines
SECONDS ?= 600
NIGHTLY ?= nightly
# uv trusts what pip and cargo trust: behind a proxy of a company that is the system's certificates, not a list of its own.
export UV_SYSTEM_CERTS ?= 1

BIN := .venv/bin
# An active conda or virtual environment must not receive the extension: .venv does.
IN_VENV := env -u CONDA_PREFIX -u PYTHONPATH -u PYTHONHOME VIRTUAL_ENV="$(CURDIR)/.venv" PATH="$(CURDIR)/.venv/bin:$$PATH"
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock"
# Folders are in the list so that a removed file counts as a change.
NATIVE_SOURCES := $(shell find rust -not -name '.*') Cargo.toml Cargo.lock rust-toolchain.toml pyproject.toml

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.native ## make .venv with every dependency and the built extension

setup-train: .venv/.train setup ## the packages for training into the same .venv: torch and what goes with it, 6 GB

demo: setup ## clean the example data into runs/demo
	$(BIN)/python -m belle_data clean examples/raw.jsonl --out runs/demo

demo-train: setup-train ## from the example data to a tiny tuned model's answers, under runs/demo-train
	$(BIN)/python examples/demo_train.py --data examples/raw.jsonl --out runs/demo-train

test: setup-train ## run the tests of the Rust core and of the Python packages, save for the slow ones
	cargo test --locked -p belle-core
	$(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)

test-slow: setup-train ## run the slow tests alone
	$(BIN)/python -m pytest -m slow

test-all: setup-train ## run all tests, the slow ones too
	cargo test --locked -p belle-core
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: setup ## check format, lints, types and the stub of the extension
	cargo fmt --all --check
	cargo fmt --manifest-path benches/Cargo.toml --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	$(IN_VENV) PYO3_PYTHON="$(CURDIR)/$(BIN)/python" cargo clippy --locked --workspace --all-targets -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/stubtest belle_data._native --mypy-config-file pyproject.toml

format: setup ## rewrite Rust and Python files in the project's format
	cargo fmt --all
	cargo fmt --manifest-path benches/Cargo.toml
	cargo fmt --manifest-path fuzz/Cargo.toml
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

lock: .venv/.boot ## write the dependency locks anew, with the newest versions that fit
	$(COMPILE) --upgrade pyproject.toml -o requirements.lock
	$(COMPILE) --upgrade pyproject.toml requirements-dev.in -o requirements-dev.lock
	$(COMPILE) --upgrade --extra train -c requirements-dev.lock pyproject.toml requirements-dev.in \
		requirements-train.in -o requirements-train.lock

bench: setup ## run the benchmarks of the kernels
	cd benches && cargo bench --locked

fuzz: ## search inputs that break a kernel: make fuzz TARGET=lines SECONDS=600
	@[[ -f "fuzz/fuzz_targets/$(TARGET).rs" ]] || { printf "error: there is no fuzz target '%s'\nhint: TARGET is one of: %s\n" \
		"$(TARGET)" "$$(basename -s .rs fuzz/fuzz_targets/*.rs | paste -sd ' ')" >&2; exit 2; }
	@rustc +$(NIGHTLY) --version > /dev/null 2>&1 || { printf "error: fuzzing needs the toolchain '%s', for its sanitizers\nhint: %s\n" \
		"$(NIGHTLY)" "rustup toolchain install nightly --profile minimal" >&2; exit 2; }
	@cargo fuzz --version > /dev/null 2>&1 || { printf "error: cargo-fuzz is not installed\nhint: cargo install cargo-fuzz --locked\n" >&2; exit 2; }
	mkdir -p fuzz/target/found/$(TARGET) fuzz/target/broken/$(TARGET)
	cargo +$(NIGHTLY) fuzz run $(TARGET) fuzz/target/found/$(TARGET) fuzz/corpus/$(TARGET) -- -max_total_time=$(SECONDS) \
		-max_len=600 -len_control=0 -timeout=20 -rss_limit_mb=2048 -artifact_prefix=fuzz/target/broken/$(TARGET)/ -print_final_stats=1

clean: ## remove what the other targets made
	rm -rf .venv target fuzz/target runs dist python/belle_data/_native*.so .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/.boot: requirements.boot
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("error: Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "\nhint: make setup PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.boot
	touch $@

.venv/.deps: .venv/.boot requirements-dev.lock
	$(IN_VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements-dev.lock
	touch $@

# Each process that trains imports 10,000 modules: compiled once, or at every start where Python may not write.
.venv/.train: .venv/.deps requirements-train.lock
	$(IN_VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements-train.lock
	$(BIN)/python -m compileall -q -j 0 .venv/lib > /dev/null 2>&1 || true
	touch $@

.venv/.native: .venv/.deps $(NATIVE_SOURCES)
	$(IN_VENV) $(BIN)/maturin develop --uv --release --locked
	touch $@
