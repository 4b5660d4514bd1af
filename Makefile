# Everything a developer or CI runs. `make` alone lists the targets.
#
#   ARGS           passed to the program by `run`, to the test runner by `test`
#   FUZZ_SECONDS   how long each fuzz target runs
#   SLUICE_TOOLS   where the tools are kept

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# A recipe may use all cores; two at a time would only wait for each other's lock.
.NOTPARALLEL:

SLUICE_TOOLS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sluice/tools
export PATH := $(SLUICE_TOOLS)/bin:$(SLUICE_TOOLS)/python/bin:$(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin
# Not every make runs $(shell) with what was exported above.
ifneq ($(shell PATH='$(PATH)' command -v rustup),)
export RUSTUP_TOOLCHAIN := $(or $(RUSTUP_TOOLCHAIN),$(shell PATH='$(PATH)' tools/toolchain.sh))
endif

ARGS ?=
CI ?= false
ifeq ($(CI),true)
# Nothing is built a second time there, and the lock file must be up to date.
export CARGO_INCREMENTAL := 0
LOCKED := --locked
NEXTEST_PROFILE := ci
else
LOCKED :=
NEXTEST_PROFILE := default
endif

ENGINES := $(or $(CARGO_TARGET_DIR),target)/debug/engines

.PHONY: help run build engines test test-rust test-docs test-fuzz faults check check-format check-clippy check-docs \
	check-dependencies check-spelling check-proto check-compose check-generated audit fix generate fuzz bench bench-engines bench-search tools

help: ## lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## runs the whole system in one process, its data in ./data
	cargo run --release --bin sluice -- standalone --data-dir ./data $(ARGS)

build: ## builds the program, optimised
	cargo build $(LOCKED) --release --bin sluice

engines: tools ## keeps Kafka, Cassandra and Redis running until Ctrl-C, and prints how to connect
	cargo build $(LOCKED) --quiet --bin engines
	$(ENGINES) up

test: tools test-rust test-docs test-fuzz ## runs every test, and every fuzz target for a moment

test-rust: ## runs the tests alone, on real engines (one of them: ARGS='-p domain a_name')
	cargo build $(LOCKED) --bin sluice --bin engines
	$(ENGINES) run -- cargo-nextest nextest run $(LOCKED) --workspace --profile $(NEXTEST_PROFILE) $(ARGS)

test-docs: ## runs the examples in the documentation
	cargo test $(LOCKED) --workspace --doc --quiet

test-fuzz: FUZZ_SECONDS ?= 20
test-fuzz: ## runs every fuzz target for FUZZ_SECONDS (20)
	tools/fuzz.sh $(FUZZ_SECONDS)

faults: tools ## kills processes and stops engines for a long time (one story: ARGS=a_name)
	cargo build $(LOCKED) --bin sluice --bin engines
	$(ENGINES) run -- cargo-nextest nextest run $(LOCKED) --workspace --test faults --profile faults $(ARGS)

check: tools check-format check-spelling check-proto check-dependencies check-clippy check-docs check-generated check-compose ## runs every check that starts no engine
	@echo 'check: all passed; advisories are a step of their own, for they need a database from outside: make audit'

check-format: ## is the code formatted?
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check

check-clippy: ## does clippy find nothing?
	cargo clippy $(LOCKED) --workspace --all-targets -- -D warnings
	cargo clippy $(LOCKED) --manifest-path fuzz/Cargo.toml --target-dir target -- -D warnings

check-docs: ## does the documentation build, each link in it leading somewhere?
	RUSTDOCFLAGS='-D warnings' cargo doc $(LOCKED) --workspace --no-deps

check-dependencies: ## are licences, sources and versions of the dependencies allowed, and is each one used?
	cargo-deny $(LOCKED) check --hide-inclusion-graph bans licenses sources
	cargo-machete

check-spelling: ## are the words spelt right?
	typos

check-proto: ## is the protobuf contract in style and compatible?
	tools/proto.sh

check-compose: ## does a compose tool read docker-compose.yml, and the program the settings in it?
	tools/compose.sh

check-generated: ## are the generated documents fresh?
	tools/generate.sh --check

audit: tools ## is a dependency known to be vulnerable? (downloads the advisory database)
	cargo-deny check advisories

fix: tools ## formats the code and applies what clippy and typos suggest
	cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml
	typos --write-changes

generate: ## writes the generated documents
	tools/generate.sh

fuzz: FUZZ_SECONDS ?= 600
fuzz: tools ## runs every fuzz target for FUZZ_SECONDS (600), or those in ARGS
	tools/fuzz.sh $(FUZZ_SECONDS) $(ARGS)

bench: build bench-engines ## measures how fast events come in, beside the bare log
	cargo bench $(LOCKED) -p e2e --bench ingest

bench-engines: build tools ## measures the same on real engines, and the store beside the bare driver
	cargo build $(LOCKED) --bin engines
	$(ENGINES) run --throughput -- cargo bench $(LOCKED) -p store --bench cql
	$(ENGINES) run --throughput -- cargo bench $(LOCKED) -p e2e --bench ingest -- distributed

bench-search: tools ## measures the search index on Cassandra: storing, beside the bare driver, and searching (ARGS='--events 200000' is quick)
	cargo bench $(LOCKED) -p e2e --bench search -- $(ARGS)

tools: ## installs what is missing of the tools, and fetches the engines
	@tools/install.sh '$(SLUICE_TOOLS)'
