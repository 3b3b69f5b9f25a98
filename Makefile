# What one does with this repository. `make test` is the whole suite.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.PHONY: help test test-deps format lint torture bench

CORPUS ?= corpus.jsonl

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

test: ## Check format and lints and run all tests; sets up what it may, and tells what it skipped
	@bash tests/prepare.sh
	export ORSZEM_SKIPPED="$$(mktemp)"
	trap 'rm -f "$$ORSZEM_SKIPPED"' EXIT
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked
	if [ -s "$$ORSZEM_SKIPPED" ]; then
		echo
		echo "=== SKIPPED, for want of tools (make test-deps installs them) ==="
		sort -u "$$ORSZEM_SKIPPED"
	fi

test-deps: ## Install the system packages that the full suite needs; starts no service
	@bash tests/deps.sh

format: ## Format all sources
	cargo fmt --all

lint: ## Only the lints
	cargo clippy --workspace --all-targets -- -D warnings

torture: ## The crash tests, many rounds
	ORSZEM_TORTURE_ROUNDS="$${ORSZEM_TORTURE_ROUNDS:-1000}" cargo test --release --test it torture -- --nocapture

bench: ## Measure ingest and queries on CORPUS (JSON lines)
	cargo run --release --quiet -- bench logs --corpus $(CORPUS)
