# Everything a developer does has a target here; CI calls only `make test`. `make help` lists them.
# Every step first prints a line saying what it is. Nothing is built twice: the web pages only when their sources
# changed, one release binary for all black-box tests, and Cargo decides about the rest.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
TOOLS := $(abspath target/tools/bin)
CALLBOX_BIN ?= $(TARGET_DIR)/release/callbox
export CALLBOX_BIN
export PATH := $(PATH):$(TOOLS)

PYTHON := .venv/bin/python
PROVISION := cargo run --quiet --locked --package callbox-provision -- host
# Options of `callbox serve` for `make run`, for example ARGS="--https 0.0.0.0:8443".
ARGS ?=
# More arguments for pytest, for example PYTEST="-k busy".
PYTEST ?=
# Seconds that `make fuzz` gives its target, and that `make test` gives each target.
SECONDS_EACH := $(or $(SECONDS),10)
FUZZ_TARGETS = $(patsubst appliance/fuzz/fuzz_targets/%.rs,%,$(wildcard appliance/fuzz/fuzz_targets/*.rs))

say = @printf '\n== %s\n' "$(1)"

.PHONY: help run test bench-signaling web release fmt-check clippy deny unit doc web-test api-check \
	black-box js-test e2e fuzz fuzz-smoke host-run host-test host-bench compiler clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 26

# -- what people want ---------------------------------------------------------------------------------------------

run: host-run web release ## set up what is missing, build, and start a box
	$(call say,start the box (stop it with Ctrl-C))
	@exec "$(CALLBOX_BIN)" serve $(ARGS)

test: host-test ## set up what is missing, and pass every test
	@started=$$(date +%s); \
	for step in fmt-check web clippy deny unit doc web-test release api-check black-box js-test e2e fuzz-smoke; do \
		$(MAKE) $$step; \
	done; \
	printf '\n== every step passed in %d min\n' $$(( ($$(date +%s) - started + 59) / 60 ))

bench-signaling: host-bench web ## call set-ups per CPU-second, ringing and memory, beside a Node server
	$(call say,build the box and the load generator (release))
	@cargo build --quiet --locked --release --package callbox --package callbox-benches
	$(call say,benchmark: signaling)
	@"$(TARGET_DIR)/release/bench-signaling" $(ARGS)

# -- set-up -------------------------------------------------------------------------------------------------------

# The set-up program is Rust itself, and Rust cannot link without a C compiler.
compiler:
	@command -v cc >/dev/null || { \
		echo "set up: install gcc, which Rust links with"; \
		sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$sudo apt-get -o DPkg::Lock::Timeout=300 -q update; \
		$$sudo apt-get -o DPkg::Lock::Timeout=300 -q install -y --no-install-recommends gcc libc6-dev; \
	}

host-run: compiler
	@$(PROVISION) run

host-bench: compiler
	@$(PROVISION) bench

host-test: compiler
	@$(PROVISION) test

# -- building -----------------------------------------------------------------------------------------------------

WEB_SOURCES := $(shell find web-admin -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/tests/*' 2>/dev/null)

web: web-admin/dist/index.html ## build the web pages

web-admin/dist/index.html: $(WEB_SOURCES)
	$(call say,build the web pages)
	@cd web-admin && npm run --silent build
	@touch $@

release: ## build the release binary
	$(call say,build the box (release))
	@cargo build --quiet --locked --release --package callbox

# -- the steps of `make test` -------------------------------------------------------------------------------------

fmt-check:
	$(call say,format of the Rust sources)
	@cargo fmt --all --check

clippy:
	$(call say,clippy without a warning)
	@cargo clippy --quiet --locked --workspace --all-targets -- -D warnings

deny: ## licences, banned crates and sources of the lock file
	$(call say,licences and bans and sources of the dependencies)
	@cargo fetch --quiet --locked
	@cargo deny --log-level error --offline check --hide-inclusion-graph bans licenses sources

# Nextest runs the tests of all crates at once; documentation tests are Cargo's own.
unit: ## Rust tests of all crates, layering included
	$(call say,Rust tests of all crates)
	@if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --locked --workspace --no-tests pass --status-level fail --final-status-level fail; \
		cargo test --quiet --locked --workspace --doc; \
	else \
		cargo test --quiet --locked --workspace; \
	fi

# It is read by those who change the code, private items included, so links to those are no mistake.
doc: ## build the Rust documentation without a warning
	$(call say,Rust documentation without a warning)
	@RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --quiet --locked --workspace --no-deps --document-private-items

web-test: ## types, tests and size budget of the web pages
	$(call say,types of the web pages)
	@cd web-admin && npm run --silent lint
	$(call say,tests of the web pages)
	@cd web-admin && npm run --silent test
	$(call say,size of the web pages)
	@cd web-admin && npm run --silent check:size

api-check:
	$(call say,the OpenAPI document and the client made from it are those of the binary)
	@"$(CALLBOX_BIN)" openapi | diff --unified web-admin/openapi.json - \
		|| { echo "web-admin/openapi.json is old: make api"; exit 1; }
	@cd web-admin && npm run --silent check:api

.PHONY: api
api: release ## write the OpenAPI document and the web client anew
	@"$(CALLBOX_BIN)" openapi > web-admin/openapi.json
	@cd web-admin && npm run --silent generate:api

black-box: ## the finished binary, seen from outside (pytest); expects `make release`
	$(call say,black-box tests of the binary (target local))
	@cd hil-tests && ../$(PYTHON) -m pytest --target local $(PYTEST)

js-test:
	$(call say,the official Socket.IO client against the binary)
	@cd hil-tests && node --test --test-reporter spec js/*.test.mjs

e2e:
	$(call say,two pages in Chromium call each other)
	@cd hil-tests && node --test --test-concurrency 1 --test-reporter spec e2e/*.test.mjs

# Libfuzzer's instrumentation needs flags that only a nightly compiler takes without this variable.
fuzz: ## fuzz one codec: make fuzz TARGET=client SECONDS=60
	$(call say,fuzz $(TARGET) for $(SECONDS_EACH) s)
	@mkdir -p appliance/fuzz/corpus/$(TARGET)
	@cd appliance && RUSTC_BOOTSTRAP=1 cargo fuzz run $(TARGET) fuzz/corpus/$(TARGET) $(addprefix fuzz/,seeds/$(TARGET)) -- -max_total_time=$(SECONDS_EACH) -verbosity=0 -print_final_stats=0

fuzz-smoke:
	@for target in $(FUZZ_TARGETS); do $(MAKE) fuzz TARGET=$$target; done

clean: ## remove what was built; the tools, the box's data and .venv stay
	@cargo clean --quiet --profile dev; cargo clean --quiet --profile release; rm -rf web-admin/dist artefacts
