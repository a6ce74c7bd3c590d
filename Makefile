# make demo   the journey from kubectl apply to Ready, told step by step   (KEEP=1 leaves it running; NODE=1 on a real node, as root)
# make ground everything but a firewall, left running: for docs/FIRST-FIREWALL.md
# make test   every test: unit, service, system                            (RING=fast for unit and service, RING=full for whole sweeps)
# make test-node the node ring alone: Sallyport in pods of a real node     (needs root and Linux; elsewhere it says so; PROFILE=release: the
#             image as it is released)
# make test-oldest the system tests on the oldest Kubernetes supported: a nightly run (minutes more the first time)
# make walk   docs/FIRST-FIREWALL.md command by command, as a reader does it
# make lint   formatting, lints, layout, one TLS stack, links and commands of the pages, alerts, the chart
# make manifests   what is generated: definitions, the plain install, references of objects, commands and values
# make image  the container image as an OCI layout, target/image/sallyport-amd64.tar, without Docker (PROFILE=dev: from a development
#             build; ARCH=arm64: the other architecture)
# make release image, program, chart, manifests, bill of materials and checksums into target/release-VERSION
# make bench  measures admission, the journey and thousands of identities into target/bench/report.json
# make bench-node  the journey on a real node, at several latencies of the CA, into the same report   (needs root)
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PROFILE := release

.PHONY: help
help:
	@sed -n 's/^# //p' Makefile

.PHONY: build
build:
	cargo build --workspace --bins

.PHONY: control-plane
control-plane:
	@tests/control-plane/build.sh >/dev/null

.PHONY: demo
demo: build control-plane
ifeq ($(filter-out 0,$(NODE)),)
	@target/debug/demo
else
	@$(MAKE) --no-print-directory image PROFILE=dev
	@tests/node/run.sh target/debug/demo --node
endif

.PHONY: ground
ground: build control-plane
	@target/debug/demo --ground

.PHONY: test
test:
	@tests/run.sh $(or $(RING),all)

.PHONY: test-node
test-node:
	@tests/run.sh node

.PHONY: test-oldest
test-oldest:
	@tests/run.sh oldest

.PHONY: lint
lint:
	tests/lint.sh

.PHONY: walk
walk: control-plane
	tests/walk.sh

# The simulators, and the program as it is released, beside the bench that starts them.
.PHONY: bench-build
bench-build: control-plane
	cargo build --release -p panos-sim -p pca-sim -p bench
	install $$(packaging/program.sh) target/release/sallyport

.PHONY: bench
bench: bench-build
	@target/release/bench

.PHONY: bench-node
bench-node: bench-build
	@$(MAKE) --no-print-directory image BINARY=target/release/sallyport
	@tests/node/run.sh target/release/bench node

.PHONY: manifests
manifests:
	cargo build -q -p sallyport
	target/debug/sallyport crds --out manifests/crds
	target/debug/sallyport reference api >docs/API.md
	target/debug/sallyport reference cli >docs/CLI.md
	manifests/render.sh manifests/install
	manifests/reference.py >docs/VALUES.md

.PHONY: image
image:
	@packaging/image.sh $(PROFILE)

.PHONY: release
release:
	@packaging/release.sh
