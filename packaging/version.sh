#!/usr/bin/env bash
# Prints the version. It stands in one place, the workspace of Cargo.toml; a check in `make lint` holds the chart to it.
set -euo pipefail
sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' "$(dirname "${BASH_SOURCE[0]}")/../Cargo.toml"
