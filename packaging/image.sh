#!/usr/bin/env bash
# Builds the program and writes the container image that holds it, with its bill of materials.
#   packaging/image.sh PROFILE VERSION
#   PROFILE   release, or dev: the binaries that the tests run, for a ring that wants an image soon
# The program is built for this machine. The commit is told to a release alone, so that tests need not build anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
profile=${1:?} version=${2:?}

commit=$(git rev-parse --verify --quiet HEAD || true)
case $profile in
dev)
	cargo build --workspace --bins
	binary=target/debug/sallyport commit=
	;;
release)
	SALLYPORT_COMMIT=$commit cargo build --release --locked -p sallyport
	binary=target/release/sallyport
	;;
*)
	echo "image: there is no profile $profile: release or dev" >&2
	exit 2
	;;
esac
case $(uname -m) in
x86_64) architecture=amd64 ;;
aarch64) architecture=arm64 ;;
*) architecture=$(uname -m) ;;
esac
packaging/sbom.py --version "$version" --out target/image/sallyport.cdx.json
packaging/image.py --binary "$binary" --sbom target/image/sallyport.cdx.json --version "$version" --commit "$commit" \
	--out "target/image/sallyport-$architecture.tar"
