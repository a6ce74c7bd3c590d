#!/usr/bin/env bash
# Formatting, lints, layout, one TLS stack in the whole tree, links and commands of the pages, alerts, and the chart.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo fmt --all --check
cargo clippy --workspace --all-targets -- -D warnings
(cd tests/control-plane && test -z "$(gofmt -l .)" && CGO_ENABLED=0 GOWORK=off go vet -buildvcs=false ./...)
test -z "$(gofmt -l tests/node/programs)"

# One crypto provider, one rustls, one hyper, one http: a second one means that some crate came in with
# its default features.
for crate in ring openssl-sys native-tls; do
	if [[ -n $(cargo tree --workspace --edges normal -i "$crate" 2>/dev/null) ]]; then
		echo "lint: $crate is in the tree: $(cargo tree --workspace -i "$crate" | head -5)" >&2
		exit 1
	fi
done
for crate in rustls hyper http; do
	versions=$(cargo tree --workspace --edges normal --prefix none | awk -v c="$crate" '$1 == c { print $2 }' | sort -u | wc -l)
	if ((versions != 1)); then
		echo "lint: $versions versions of $crate in the tree" >&2
		exit 1
	fi
done

# The pages: links, commands, references; and that alerts, dashboard and metrics fit each other.
cargo test -q --workspace --test documents --test metrics

# Every alert fires when it should, and not when it should not.
promtool=$(tests/tools/build.sh promtool | tail -n 1)
(cd manifests/monitoring && "$promtool" check rules rules.yaml && "$promtool" test rules rules-test.yaml)

# The chart renders to what an API server takes, and the checks see what is wrong with one.
tests/chart/check.sh
tests/chart/mistakes.sh

echo "lint: clean"
