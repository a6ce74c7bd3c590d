#!/usr/bin/env bash
# Builds the program for this machine and writes the container image that holds it, with its bill of materials.
#   packaging/image.sh PROFILE [FOLDER]
#   PROFILE   release, or dev: the binaries that the tests run, for a ring that wants an image soon
#   FOLDER    where the image's files are written as well
#   BINARY    a program that is built already
# The commit is told to a release alone, so that tests need not build anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
profile=${1:?} folder=${2:-}
version=$(packaging/version.sh)
commit=${SALLYPORT_COMMIT:-$(git rev-parse --verify --quiet HEAD || true)}

case $profile in
dev)
	commit=
	[[ -n ${BINARY:-} ]] || cargo build --workspace --bins
	binary=${BINARY:-target/debug/sallyport}
	;;
release)
	[[ -n ${BINARY:-} ]] || SALLYPORT_COMMIT=$commit cargo build --release --locked -p sallyport
	binary=${BINARY:-target/release/sallyport}
	;;
*)
	echo "image: there is no profile $profile: release or dev" >&2
	exit 2
	;;
esac
case $(uname -m) in
x86_64) architecture=amd64 ;;
aarch64) architecture=arm64 ;;
*)
	echo "image: nobody has tried it on $(uname -m)" >&2
	exit 1
	;;
esac
packaging/sbom.py --version "$version" --out target/image/sallyport.cdx.json
packaging/image.py --binary "$binary" --sbom target/image/sallyport.cdx.json --version "$version" --commit "$commit" \
	--out "target/image/sallyport-$architecture.tar" ${folder:+--unpacked "$folder"}
