# `make` lists what there is. CARGO_TARGET_DIR is respected.
SHELL := /bin/bash
.DEFAULT_GOAL := help
TARGET := $(or $(CARGO_TARGET_DIR),target)
SKIPPED := $(TARGET)/skipped.txt
DATA ?= ./data

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# What building needs: Rust, a C compiler for zstd, the allocator and OpenSSL, and Perl with its modules, which configures OpenSSL.
.PHONY: tools
tools:
	@missing=(); \
	command -v cargo >/dev/null || missing+=("cargo (https://rustup.rs)"); \
	command -v cc >/dev/null || missing+=("cc (sudo apt-get install -y build-essential)"); \
	perl -MFindBin -MIPC::Cmd -MTime::Piece -e 1 2>/dev/null || missing+=("perl (sudo apt-get install -y perl)"); \
	if (( $${#missing[@]} )); then IFS=,; echo "missing: $${missing[*]/#/ }" >&2; exit 1; fi

# The page, when its sources are newer than it. Not npm ci, which fails where a registry hides other platforms' packages.
UI := dashboard/ui
UI_SOURCES := $(shell find $(UI)/src $(UI)/index.html $(UI)/package-lock.json $(UI)/*.mjs $(UI)/tsconfig.json -type f)
$(UI)/dist/index.html: $(UI_SOURCES)
	@command -v npm >/dev/null || { echo "missing: npm (Node.js 20 or later, https://nodejs.org)" >&2; exit 1; }
	cd $(UI) && npm install --no-save --no-audit --no-fund && npm run build

.PHONY: build
build: tools $(UI)/dist/index.html ## Build target/release/tidegate
	cargo build --release --locked --package tidegate

.PHONY: run
run: build ## Build, then run everything in one process on ./data
	@exec $(TARGET)/release/tidegate all --data-dir $(DATA)

# The programs are built before the tests, which start them. Many scenarios only wait: more threads than cores.
.PHONY: test
test: tools $(UI)/dist/index.html ## Run all tests; list those that were skipped
	@mkdir -p $(TARGET) && rm -f $(SKIPPED)
	cd $(UI) && npm test
	cargo build --locked --workspace --bins
	TIDEGATE_BIN=$(abspath $(TARGET))/debug/tidegate RUST_TEST_THREADS=6 infra/stack/with cargo test --locked --workspace
	@if [[ -x /usr/bin/chromium ]]; then cd $(UI) && TIDEGATE_BIN=$(abspath $(TARGET))/debug/tidegate npm run browser; \
	else echo "dashboard in Chromium: sudo apt-get install -y chromium" >> $(SKIPPED); fi
	@if [[ -s $(SKIPPED) ]]; then echo "Skipped, with the line that installs what is missing:"; sort -u $(SKIPPED) | sed 's/^/  /'; \
	else echo "Nothing was skipped."; fi

.PHONY: stack stack-down
stack: ## Start Kafka, Cassandra and an S3 server on loopback (STACK_BROKERS=3 STACK_NODES=3 for three of them)
	@infra/stack/up
stack-down: ## End them; their data stays
	@infra/stack/down

.PHONY: test-mad
test-mad: tools ## Compare the agent's numbers with those of the Java daemon, bit for bit (needs Java 17 and Maven)
	cargo build --locked --package tidegate
	TIDEGATE_BIN=$(abspath $(TARGET))/debug/tidegate cargo test --locked --package tidegate-e2e --test mad -- --include-ignored --nocapture

.PHONY: test-deep
test-deep: tools ## Run the fold's simulation with 100,000 seeds
	TIDEGATE_SIM_SEEDS=100000 cargo test --locked --release --package tidegate-fold

.PHONY: test-oracle
test-oracle: tools ## Compare 10,000 PromQL answers with those of Prometheus' engine (needs Go)
	@command -v go >/dev/null || { echo "missing: go (https://go.dev/dl)" >&2; exit 1; }
	cd services/lib/promql/oracle && go build -o $(abspath $(TARGET))/promql-oracle .
	TIDEGATE_ORACLE=$(abspath $(TARGET))/promql-oracle cargo test --locked --package tidegate-promql --test oracle -- --include-ignored

.PHONY: lint
lint: tools ## Check the format and the lints
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

.PHONY: bench
bench: tools ## Run the criterion benches of codec, fold, sketch and mad
	cargo bench --locked --package tidegate-codec --package tidegate-fold --package tidegate-sketch --package tidegate-mad

.PHONY: load
load: build ## Push 5 M samples to Tidegate and to the peers that are installed, and compare
	cargo build --release --locked --package tidegate-load-tests
	TIDEGATE_BIN=$(abspath $(TARGET))/release/tidegate $(TARGET)/release/tidegate-load-tests push --compare

CHAOS = TIDEGATE_BIN=$(abspath $(TARGET))/debug/tidegate $(TARGET)/debug/tidegate-chaos
.PHONY: chaos-programs
chaos-programs: tools $(UI)/dist/index.html
	cargo build --locked --workspace --bins

# Its servers stay up while sessions follow one another, and have ports of their own beside those of `make stack`.
CHAOS_STACKS = for stack in $(1)/stack-*/; do STACK_DIR=$$stack infra/stack/down $(2); done

.PHONY: chaos-quick
chaos-quick: chaos-programs ## Break a process and a fleet in the worst ways and recount every sample (minutes; needs DuckDB for Python, Java, Maven, Go)
	@mkdir -p $(TARGET)/chaos-quick
	$(CHAOS) run --quick --topology fleet,embedded --parallel 4 --folder $(TARGET)/chaos-quick; \
	status=$$?; $(call CHAOS_STACKS,$(TARGET)/chaos-quick,--kill --wipe); exit $$status

.PHONY: chaos
chaos: chaos-programs ## Break everything, adding to target/chaos/table.jsonl (hours)
	$(CHAOS) run --resume --topology embedded --parallel 2; embedded=$$?; \
	$(CHAOS) run --resume --topology fleet; fleet=$$?; \
	$(call CHAOS_STACKS,$(TARGET)/chaos); exit $$((embedded + fleet))

.PHONY: deny
deny: ## Check dependencies: advisories, licences, bans (needs cargo-deny)
	@command -v cargo-deny >/dev/null || { echo "missing: cargo-deny (cargo install --locked cargo-deny)" >&2; exit 1; }
	cargo deny --workspace check

.PHONY: clean-data
clean-data: ## Remove ./data
	rm -rf -- $(DATA)
