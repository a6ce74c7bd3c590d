#!/usr/bin/env bash
# Builds the program as it is released, linked statically against musl, and prints where it lies.
#   packaging/program.sh [amd64|arm64]
# The same commit gives the same bytes where the compilers are the same: no path of this machine stands in it.
# It takes Debian's musl-tools, and on amd64 for arm64 gcc-aarch64-linux-gnu and musl-dev:arm64.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
	echo "program: $*" >&2
	exit 1
}

case $(uname -m) in
x86_64) native=amd64 ;;
aarch64) native=arm64 ;;
*) fail "nobody has tried it on $(uname -m)" ;;
esac
architecture=${1:-$native}
case $architecture in
amd64) machine=x86_64 ;;
arm64) machine=aarch64 ;;
*) fail "nobody has tried it for ${architecture@Q}: amd64 or arm64" ;;
esac
[[ $native == "$architecture" || $native == amd64 ]] || fail "on $native it is built for $native alone"

# Installs Debian packages, unless the file that is wanted of them is there.
bring() {
	local file=$1
	shift
	[[ ! -e $file ]] || return 0
	((EUID == 0)) && command -v apt-get >/dev/null || fail "it takes $file, of Debian's packages $*"
	echo "program: installing $*" >&2
	[[ $* != *:* ]] || dpkg --add-architecture "$architecture"
	apt-get update -qq >&2
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

target=$machine-unknown-linux-musl
specs=/usr/lib/$machine-linux-musl/musl-gcc.specs
if [[ $native == "$architecture" ]]; then
	bring "$specs" musl-tools
	compiler=gcc
else
	bring "/usr/bin/$machine-linux-gnu-gcc" "gcc-$machine-linux-gnu"
	bring "$specs" "musl-dev:$architecture"
	compiler=$machine-linux-gnu-gcc
fi
if ! [[ -d $(rustc --print sysroot)/lib/rustlib/$target ]]; then
	command -v rustup >/dev/null || fail "Rust lacks its target $target, and rustup, which brings it, is not here"
	rustup target add "$target" >&2
fi

# C is compiled by the same compiler as ever, with musl's headers; rustc brings the library itself. Relocations are packed
# (RELR), since each process reads all of them when it starts.
export "CC_${target//-/_}=$compiler" "CFLAGS_${target//-/_}=-specs=$specs"
# C that tells when it was compiled, as mimalloc does, tells the same time everywhere.
export SOURCE_DATE_EPOCH=0
upper=${target^^}
export "CARGO_TARGET_${upper//-/_}_LINKER=$compiler"
cargo=${CARGO_HOME:-$HOME/.cargo}
RUSTFLAGS="--remap-path-prefix=$cargo=/cargo --remap-path-prefix=$PWD=/sallyport -C link-arg=-Wl,-z,pack-relative-relocs" \
	cargo build --release --locked -p sallyport --target "$target" >&2
program=target/$target/release/sallyport
headers=$(readelf --wide --program-headers "$program")
[[ $headers != *INTERP* ]] || fail "$program is not linked statically"
echo "$program"
