#!/usr/bin/env bash
# Writes the container image as an OCI layout, target/image/sallyport-ARCH.tar, with the program's bill of materials.
#   packaging/image.sh PROFILE [FOLDER]
#   PROFILE   release, or dev: the binary that the tests run, with the libraries it loads, for a ring that wants an image soon
#   FOLDER    where the image's files are written as well
#   BINARY    a program that is built already
#   ARCH      amd64 or arm64; without it this machine's
# The commit is told to a release alone, so that tests need not build anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
profile=${1:?} folder=${2:-}
case $(uname -m) in
x86_64) native=amd64 ;;
aarch64) native=arm64 ;;
*) native=$(uname -m) ;;
esac
architecture=${ARCH:-$native}

case $profile in
dev)
	[[ $architecture == "$native" ]] || {
		echo "image: for another machine there are releases alone" >&2
		exit 2
	}
	[[ -n ${BINARY:-} ]] || cargo build --workspace --bins
	told=(--binary "${BINARY:-target/debug/sallyport}" --development)
	;;
release)
	SALLYPORT_COMMIT=${SALLYPORT_COMMIT:-$(git rev-parse --verify --quiet HEAD 2>/dev/null || true)}
	export SALLYPORT_COMMIT
	told=(--binary "${BINARY:-$(packaging/program.sh "$architecture")}" --commit "$SALLYPORT_COMMIT")
	;;
*)
	echo "image: there is no profile $profile: release or dev" >&2
	exit 2
	;;
esac
version=$(packaging/version.sh)
packaging/sbom.py --version "$version" --out target/image/sallyport.cdx.json
packaging/image.py "${told[@]}" --sbom target/image/sallyport.cdx.json --version "$version" --architecture "$architecture" \
	--out "target/image/sallyport-$architecture.tar" ${folder:+--unpacked "$folder"}
