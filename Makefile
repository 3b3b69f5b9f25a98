# What one does with this repository. `make test` is the whole suite.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.PHONY: help test test-deps test-ui ui ui-check screenshots format lint torture fuzz bench bench-ui lighthouse dist

CORPUS ?= corpus.jsonl

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

test: ## Check format and lints and run all tests, those of the page too; sets up what it may, and tells what it skipped
	@bash tests/prepare.sh
	export ORSZEM_SKIPPED="$$(mktemp)"
	trap 'rm -f "$$ORSZEM_SKIPPED"' EXIT
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked
	bash tests/page.sh
	if [ -s "$$ORSZEM_SKIPPED" ]; then
		echo
		echo "=== SKIPPED, for want of tools (make test-deps installs them) ==="
		sort -u "$$ORSZEM_SKIPPED"
	fi

test-deps: ## Install the system packages that the full suite needs; starts no service
	@bash tests/deps.sh

ui: ## Build the web page into dashboards/ui/dist, which is committed; gets Node.js where there is none or an old one
	@export PATH="$$(bash tests/node.sh):$$PATH"
	cd dashboards/ui
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	npm run --silent build

ui-check: ## Check that dist is what its sources make, that these pass the lints and tests, and the sizes
	@export PATH="$$(bash tests/node.sh):$$PATH"
	made() { (cd dashboards/ui/dist && find . -type f -exec sha256sum {} + | sort); }
	before="$$(made)"
	$(MAKE) --no-print-directory ui
	[ "$$(made)" = "$$before" ] || { echo "dashboards/ui/dist was not what its sources make; it is now: commit it" >&2; exit 1; }
	cd dashboards/ui
	npm run --silent lint
	npm run --silent unit
	npm run --silent budget

test-ui: ## Test the web page in a Chromium, against `orszem demo`; pictures are in dashboards/ui/e2e/pictures
	cargo build --locked
	export ORSZEM_BIN="$${CARGO_TARGET_DIR:-$$PWD/target}/debug/orszem"
	export PATH="$$(bash tests/node.sh):$$PATH"
	cd dashboards/ui
	[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	npm run --silent e2e

screenshots: ## Take the pictures in docs/pictures from `orszem demo`, by a Chromium
	cargo build --locked
	export ORSZEM_BIN="$${CARGO_TARGET_DIR:-$$PWD/target}/debug/orszem"
	export PATH="$$(bash tests/node.sh):$$PATH"
	cd dashboards/ui
	[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	node scripts/pictures.mjs

format: ## Format all sources
	cargo fmt --all

lint: ## Only the lints
	cargo clippy --workspace --all-targets -- -D warnings

torture: ## The crash tests, many rounds; the collector's with 200 writers for half an hour, and 3.6 GB of backlog
	export ORSZEM_TORTURE_ROUNDS="$${ORSZEM_TORTURE_ROUNDS:-1000}"
	export ORSZEM_COLLECTOR_TORTURE_SECONDS="$${ORSZEM_COLLECTOR_TORTURE_SECONDS:-1800}"
	export ORSZEM_COLLECTOR_TORTURE_WRITERS="$${ORSZEM_COLLECTOR_TORTURE_WRITERS:-200}"
	export ORSZEM_COLLECTOR_TORTURE_KILLS="$${ORSZEM_COLLECTOR_TORTURE_KILLS:-300}"
	export ORSZEM_COLLECTOR_FAULTS="$${ORSZEM_COLLECTOR_FAULTS:-100}"
	export ORSZEM_ALERTING_KILLS="$${ORSZEM_ALERTING_KILLS:-1000}"
	export ORSZEM_KILL_ROUNDS="$${ORSZEM_KILL_ROUNDS:-200}"
	export ORSZEM_CLOCK_STEPS="$${ORSZEM_CLOCK_STEPS:-64}"
	export ORSZEM_FULL_DISK_BYTES="$${ORSZEM_FULL_DISK_BYTES:-500000000}"
	export ORSZEM_OVERFILL_BYTES="$${ORSZEM_OVERFILL_BYTES:-500000000}"
	export ORSZEM_BACKLOG_BYTES="$${ORSZEM_BACKLOG_BYTES:-3600000000}"
	export ORSZEM_FAULTS_WITHIN_SECONDS="$${ORSZEM_FAULTS_WITHIN_SECONDS:-1800}"
	cargo test --release --test it -- --nocapture --test-threads 1 torture collector_faults

fuzz: ## Feed all readers of metrics and queries mutated input for half an hour each; ORSZEM_FUZZ_SEED varies it
	export ORSZEM_FUZZ_SECONDS="$${ORSZEM_FUZZ_SECONDS:-1800}"
	cargo test --release --package orszem-indexer --test fuzz -- --nocapture

bench: ## Measure ingest and queries on CORPUS (JSON lines)
	cargo run --release --quiet -- bench logs --corpus $(CORPUS)

bench-ui: ## Measure the page on CORPUS: how soon rows are shown, how evenly 100,000 scroll
	cargo build --release --locked
	export ORSZEM_BIN="$${CARGO_TARGET_DIR:-$$PWD/target}/release/orszem"
	export CORPUS="$$(realpath $(CORPUS))"
	cd dashboards/ui
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	npm run --silent bench

lighthouse: ## Measure the page on a phone by Lighthouse, which npx fetches, against `orszem demo`
	cargo build --release --locked
	export ORSZEM_BIN="$${CARGO_TARGET_DIR:-$$PWD/target}/release/orszem"
	cd dashboards/ui
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	npm run --silent lighthouse

dist: ## Make the static binary, .tar.gz, .deb and checksums in dist/; needs musl-tools
	@bash scripts/dist.sh
