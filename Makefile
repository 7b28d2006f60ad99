# Two commands do everything, set-up included: `make demo` and `make test`.

PYTHON ?= python3
TOOLS  := target/tools

# The README's tour, on a local AWS endpoint, with the functions as cargo builds them for this host.
demo:
	@echo "Building what needs no AWS: two to three minutes on two cores the first time, seconds after it."
	cargo build --locked --bin preview
	target/debug/preview .
	@echo "Building the rest of the tool and the functions: four to five minutes the first time."
	$(MAKE) --jobs=2 --no-print-directory build $(TOOLS)/python
	demo/run

# The same profile and features for all that the demo and the tests build, so that nothing is compiled twice.
build:
	cargo build --locked --bins

# Eight threads on two cores: most tests wait for stacks. A local endpoint throttles only where a test says so: rates that are
# AWS's would be waited for in vain.
test: export RUST_TEST_THREADS ?= 8
test: export TENANTRY_RATE_FACTOR ?= 20
# Verdicts on rules are kept below it.
test: export XDG_CACHE_HOME ?= $(CURDIR)/target/cache
# The endpoint's own tests come first: they take a minute, and know when a test that the rulebook names is gone.
test: $(TOOLS)/python
	PYTHONPATH=tests/endpoint .venv/bin/python -m pytest tests/endpoint -q
	cargo test --locked
	.venv/bin/python -m pytest pipeline/tests -q

# The functions against a real OpenSearch node on loopback. Wants Java 17 and Maven.
test-search:
	pipeline/tests/search/run

# The dashboards' proxy in front of the same node, with client certificates; builds Caddy with Go.
test-proxy: $(TOOLS)/python
	pipeline/tests/search/proxy

# The report's pages in a headless Chromium, judged by axe-core. Wants Node.js 20 with npm, and Chromium (`CHROMIUM` says where).
test-report: $(TOOLS)/report
	cargo build --locked --bins
	tests/report/run

# The inner loop: format, lints and tests of the crates that know neither the SDK nor a runtime.
PURE := $(foreach crate,base blueprint spec template checks,-p tenantry-$(crate))
check:
	cargo fmt --all --check
	cargo clippy --locked $(PURE) --all-targets -- -D warnings
	cargo test --locked $(PURE)

# Rewrites what tests compare with: transcripts, the reference in docs/, schemas, rendered templates, inline snapshots. Then
# look at `git diff`.
accept: export UPDATE_EXPECTED = 1
accept: export INSTA_FORCE_PASS = 1
accept: $(TOOLS)/python $(TOOLS)/bin/cargo-insta
	-cargo test --locked --lib
	-cargo test --locked --test offline
	-cargo test --locked --test aws cli::
	$(TOOLS)/bin/cargo-insta accept

# A local AWS endpoint that runs until it is interrupted; prints what to export.
ENDPOINT_PORT ?= 4566
endpoint: $(TOOLS)/python
	@echo "export AWS_ENDPOINT_URL=http://127.0.0.1:$(ENDPOINT_PORT) AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_REGION=eu-west-1 TENANTRY_RESOLVER=127.0.0.1:$(ENDPOINT_PORT)"
	@PYTHONPATH=tests/endpoint .venv/bin/python -m tenantry_endpoint --port $(ENDPOINT_PORT) --port-file target/endpoint-port \
	    --quotas policies/quotas.yaml --grant-seconds 2

# The documentation as a book, in target/book.
book: $(TOOLS)/book/bin/mdbook
	$(TOOLS)/book/bin/mdbook build

lint: $(TOOLS)/bin/cargo-deny $(TOOLS)/ci/bin/zizmor
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(TOOLS)/bin/cargo-deny check bans licenses sources
	$(TOOLS)/ci/bin/check-jsonschema --builtin-schema vendor.github-workflows ci/github/*.yml .github/workflows/*.yml
	$(TOOLS)/ci/bin/zizmor --offline --no-progress --persona pedantic ci/github/*.yml .github/workflows/*.yml
	$(TOOLS)/ci/bin/shellcheck ci/*.sh .ci/run .cargo/rustc demo/run dist/check-tag

# Known vulnerabilities of dependencies; fetches the advisory database.
advisories: $(TOOLS)/bin/cargo-deny
	$(TOOLS)/bin/cargo-deny check advisories

# Ratios against what one would use instead.
bench: bench-fleet bench-capacity bench-deploy bench-drift bench-pipeline

# Drift checks of 10, 100 and 500 tenants, beside a loop over stacks.
bench-drift: $(TOOLS)/python
	cargo bench --bench drift

# Rendering and validating 10 to 100,000 tenants, beside Sceptre, the CDK, cfn-guard and cfn-lint.
bench-fleet: $(TOOLS)/python $(TOOLS)/cdk
	cargo bench --profile dist -p tenantry-fleet-bench

# No-op plans of 10 to 10,000 tenants at the rates of AWS, and beside a loop over stacks.
bench-deploy: $(TOOLS)/python
	cargo bench --bench deploy

# The splitter and ingest against their peers, on one core. The OpenTelemetry collector among them is built with Go.
bench-pipeline: $(TOOLS)/otelcol
	cargo bench -p tenantry-pipeline --no-default-features --bench ratios --no-run
	taskset -c 0 cargo bench -p tenantry-pipeline --no-default-features --bench ratios

# Capacity and quotas of fleets up to ten thousand tenants, on one core.
bench-capacity:
	cargo bench -p tenantry --bench capacity --no-run
	taskset -c 0 cargo bench -p tenantry --bench capacity

# A million random chains with faults, each message counted; CHAIN_SEED and CHAIN_ROUNDS choose others.
fuzz-chain: export CHAIN_ROUNDS ?= 1000000
fuzz-chain:
	cargo test --release -p tenantry-pipeline --no-default-features --test model -- --nocapture

# The fault tests and the properties at full length: 50 tenants in a storm, a deploy of 20 killed a hundred times, every
# mutant of the sample estates.
# FAULT_SEED chooses others.
faults: export FAULT_TENANTS ?= 50
faults: export FAULT_KILLS ?= 100
faults: export FAULT_CREATIONS ?= 1000
faults: export FAULT_STATES ?= 1
faults: export FAULT_MUTANTS ?= 100000
faults: export PROPERTY_PERCENT ?= 100
faults: export DRIFT_FIX ?= 1
faults: $(TOOLS)/python
	cargo test --lib
	cargo test --test aws faults:: -- --nocapture
	cargo test --test aws drift::every_change
	cargo test --test offline mutants:: -- --nocapture

# Each fuzz target for FUZZ_SECONDS, in bounded time and memory: those of the functions, those of what the tool reads, and the
# one that knows AWS's client (compiling it takes longest). The tool has no unsafe code, and no sanitizer watches it.
# cargo-fuzz wants a nightly compiler's flags of the pinned one.
FUZZ_SECONDS ?= 60
FUZZ := RUSTC_BOOTSTRAP=1 $(TOOLS)/bin/cargo-fuzz run
FUZZ_LIMITS = -max_total_time=$(FUZZ_SECONDS) -timeout=30 -rss_limit_mb=2048 -print_final_stats=1
FUZZ_FUNCTIONS ?= cut decode records answers
FUZZ_TOOL ?= yaml estate blueprint templates tables rules answers
FUZZ_AWS ?= stored
fuzz: $(TOOLS)/bin/cargo-fuzz
	for target in $(FUZZ_FUNCTIONS); do $(FUZZ) --fuzz-dir pipeline/fuzz $$target -- $(FUZZ_LIMITS) -max_len=65536 || exit 1; done
	$(PYTHON) fuzz/seed.py
	for target in $(FUZZ_TOOL); do $(FUZZ) --fuzz-dir fuzz --sanitizer none $$target -- $(FUZZ_LIMITS) || exit 1; done
	for target in $(FUZZ_AWS); do $(FUZZ) --fuzz-dir fuzz --sanitizer none --dev --features aws $$target -- $(FUZZ_LIMITS) || exit 1; done

# Both functions twice: from this checkout, and from a copy in another folder with a cargo home of its own. The zips must be
# the same bytes.
reproducible: $(TOOLS)/functions
	.venv/bin/python pipeline/reproduce.py $(ARCHITECTURES)

$(TOOLS)/bin/cargo-insta:
	cargo install --quiet --locked cargo-insta@1.49.0 --root $(TOOLS)

$(TOOLS)/bin/cargo-fuzz:
	cargo install --quiet --locked cargo-fuzz@0.13.1 --root $(TOOLS)

# The functions' zips for both architectures, in target/functions; an error if they are not those of
# pipeline/functions.lock.json.
ARCHITECTURES ?= x86_64 arm64
functions: $(TOOLS)/functions
	.venv/bin/python pipeline/package.py verify $(ARCHITECTURES)

functions-lock: $(TOOLS)/functions
	.venv/bin/python pipeline/package.py lock $(ARCHITECTURES)

# A release's archive for this host or DIST_TARGET, with its SBOM and checksums, in target/archives. DIST_BINARY is a binary
# that is built already, DIST_FUNCTIONS a folder that has the zips of the functions.
DIST_TARGET ?=
DIST_BINARY ?=
DIST_FUNCTIONS ?=
dist: $(TOOLS)/bin/cargo-cyclonedx $(if $(filter %-musl,$(DIST_TARGET)),$(TOOLS)/functions) $(if $(DIST_FUNCTIONS),,functions)
	$(PYTHON) dist/pack.py $(DIST_TARGET:%=--target %) $(DIST_BINARY:%=--binary %) $(DIST_FUNCTIONS:%=--functions %)

# The functions for arm64 through the chain's tests, emulated: wants Debian's qemu-user, libc6-arm64-cross and
# libgcc-s1-arm64-cross.
chain-arm64: export CHAIN_RUNNER ?= qemu-aarch64 -L /usr/aarch64-linux-gnu
chain-arm64: export CHAIN_FUNCTIONS ?= $(CURDIR)/target/lambda
chain-arm64: ARCHITECTURES := arm64
chain-arm64: functions $(TOOLS)/python
	cargo test -p tenantry-pipeline --test chain

# cargo-lambda, cargo-zigbuild and zig, as pinned.
$(TOOLS)/functions: pipeline/requirements.txt
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r pipeline/requirements.txt
	mkdir -p $(TOOLS) && touch $@

# The OpenTelemetry collector with few components, as pinned in its go.sum.
$(TOOLS)/otelcol: $(wildcard pipeline/benches/peer/*)
	cd pipeline/benches/peer && go build -trimpath -o $(abspath $@) .

# Sceptre, node and the CDK, as pinned.
$(TOOLS)/cdk: $(wildcard benches/peers/*)
	$(PYTHON) -m venv $(TOOLS)/peers
	$(TOOLS)/peers/bin/pip install --quiet --disable-pip-version-check --require-hashes -r benches/peers/requirements.txt
	mkdir -p $@ && cp benches/peers/*.mjs benches/peers/*.json $@
	cd $@ && PATH=$(abspath $(TOOLS)/peers/bin):$$PATH npm ci --silent --no-audit --no-fund
	touch $@

# What drives the browser, as pinned.
$(TOOLS)/report: $(wildcard tests/report/*.json tests/report/*.mjs)
	mkdir -p $@ && cp tests/report/*.mjs tests/report/*.json $@
	cd $@ && npm ci --silent --no-audit --no-fund --ignore-scripts
	touch $@

# Python with the local endpoint and the judges of the templates, as pinned.
$(TOOLS)/python: tests/endpoint/requirements.txt
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r tests/endpoint/requirements.txt
	mkdir -p $(TOOLS) && touch $@

# They run once, for seconds: they are not worth minutes of optimising.
$(TOOLS)/bin/cargo-cyclonedx $(TOOLS)/bin/cargo-deny: export CARGO_PROFILE_RELEASE_OPT_LEVEL = 1
$(TOOLS)/bin/cargo-cyclonedx $(TOOLS)/bin/cargo-deny: export CARGO_PROFILE_RELEASE_LTO = off
$(TOOLS)/bin/cargo-cyclonedx $(TOOLS)/bin/cargo-deny: export CARGO_PROFILE_RELEASE_CODEGEN_UNITS = 16
$(TOOLS)/bin/cargo-deny:
	cargo install --quiet --locked cargo-deny@0.20.2 --no-default-features --root $(TOOLS)

$(TOOLS)/bin/cargo-cyclonedx:
	cargo install --quiet --locked cargo-cyclonedx@0.5.9 --root $(TOOLS)

$(TOOLS)/book/bin/mdbook: tests/book/requirements.txt
	$(PYTHON) -m venv $(TOOLS)/book
	$(TOOLS)/book/bin/pip install --quiet --disable-pip-version-check --require-hashes -r tests/book/requirements.txt
	touch $@

# The judges of the CI workflows and scripts, as pinned.
$(TOOLS)/ci/bin/zizmor: tests/ci/requirements.txt
	test -x $(TOOLS)/ci/bin/python || $(PYTHON) -m venv $(TOOLS)/ci
	$(TOOLS)/ci/bin/pip install --quiet --disable-pip-version-check --require-hashes -r tests/ci/requirements.txt
	touch $@

.PHONY: accept advisories book build chain-arm64 check demo dist endpoint reproducible test test-proxy test-report test-search lint bench bench-drift bench-fleet bench-capacity functions functions-lock bench-pipeline \
    fuzz fuzz-chain faults bench-deploy
