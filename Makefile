# make demo   the journey from kubectl apply to Ready, told step by step   (KEEP=1 leaves it running)
# make ground everything but a firewall, left running: for docs/FIRST-FIREWALL.md
# make test   every test: unit, service, system                            (RING=fast for unit and service, RING=full for whole sweeps)
# make test-node  only the node ring: Sallyport in pods of a real node   (needs root; without it, it says so)
# make lint   formatting, lints, layout, one TLS stack
# make image  the container image as an OCI layout, target/image/sallyport-amd64.tar, without Docker (PROFILE=dev: from a development build)
# make bench  measures admission, the journey and thousands of identities into target/bench/report.json
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION := $(shell sed -n '/^\[workspace.package\]/,/^$$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
PROFILE := release
PROGRAMS := -p sallyport -p panos-sim -p pca-sim

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
	@target/debug/demo

.PHONY: ground
ground: build control-plane
	@target/debug/demo --ground

.PHONY: test
test:
	@tests/run.sh $(or $(RING),all)

.PHONY: test-node
test-node:
	@tests/run.sh node

.PHONY: lint
lint:
	tests/lint.sh

.PHONY: bench
bench: control-plane
	cargo build --release $(PROGRAMS) -p bench
	@target/release/bench

.PHONY: manifests
manifests:
	cargo run -q -p sallyport -- crds --out manifests/crds

.PHONY: image
image:
	@packaging/image.sh $(PROFILE) $(VERSION)
