#!/usr/bin/env bash
# Builds the program and writes the container image that holds it, with its bill of materials.
#   packaging/image.sh PROFILE [FOLDER]
#   PROFILE   release, or dev: the binaries that the tests run, for a ring that wants an image soon
#   FOLDER    where the image's files are written as well
#   BINARY    a program that is built already
#   ARCH      amd64 or arm64; without it this machine's. On amd64 a release for arm64 takes Debian's cross compiler
#             (gcc-aarch64-linux-gnu), which brings the libraries along
# The commit is told to a release alone, so that tests need not build anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
profile=${1:?} folder=${2:-}
version=$(packaging/version.sh)
commit=${SALLYPORT_COMMIT:-$(git rev-parse --verify --quiet HEAD || true)}

case $(uname -m) in
x86_64) native=amd64 ;;
aarch64) native=arm64 ;;
*)
	echo "image: nobody has tried it on $(uname -m)" >&2
	exit 1
	;;
esac
architecture=${ARCH:-$native}
target=() built=target/release sysroot=
case $native-$architecture in
amd64-amd64 | arm64-arm64) ;;
amd64-arm64)
	[[ $profile == release ]] || {
		echo "image: for another machine there are releases alone" >&2
		exit 2
	}
	target=(--target aarch64-unknown-linux-gnu) built=target/aarch64-unknown-linux-gnu/release sysroot=/usr/aarch64-linux-gnu
	command -v aarch64-linux-gnu-gcc >/dev/null || {
		echo "image: arm64 takes a cross compiler: apt-get install gcc-aarch64-linux-gnu" >&2
		exit 1
	}
	export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
	[[ -n ${BINARY:-} ]] || rustup target add --toolchain "$(rustup show active-toolchain | cut -d' ' -f1)" aarch64-unknown-linux-gnu
	;;
*)
	echo "image: on $native nobody has tried to build for ${architecture@Q}" >&2
	exit 2
	;;
esac

case $profile in
dev)
	commit=
	[[ -n ${BINARY:-} ]] || cargo build --workspace --bins
	binary=${BINARY:-target/debug/sallyport}
	;;
release)
	[[ -n ${BINARY:-} ]] || SALLYPORT_COMMIT=$commit cargo build --release --locked -p sallyport "${target[@]}"
	binary=${BINARY:-$built/sallyport}
	;;
*)
	echo "image: there is no profile $profile: release or dev" >&2
	exit 2
	;;
esac
packaging/sbom.py --version "$version" --out target/image/sallyport.cdx.json
packaging/image.py --binary "$binary" --sbom target/image/sallyport.cdx.json --version "$version" --commit "$commit" \
	--architecture "$architecture" ${sysroot:+--sysroot "$sysroot"} \
	--out "target/image/sallyport-$architecture.tar" ${folder:+--unpacked "$folder"}
