# Every target is also what CI runs. Nothing is written outside of this folder, save for the download caches of pip, uv and cargo.
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow lint format lock bench fuzz clean
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
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.native ## make .venv with every dependency and the built extension

demo: setup ## clean the example data into runs/demo
	$(BIN)/python -m belle_data clean examples/raw.jsonl --out runs/demo

test: setup ## run the tests of the Rust core and of the Python packages, save for the slow ones
	cargo test --locked -p belle-core
	$(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)

test-slow: setup ## run the slow tests alone
	$(BIN)/python -m pytest -m slow

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

.venv/.native: .venv/.deps $(NATIVE_SOURCES)
	$(IN_VENV) $(BIN)/maturin develop --uv --release --locked
	touch $@
