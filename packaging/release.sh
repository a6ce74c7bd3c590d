#!/usr/bin/env bash
# Writes all that a release consists of into target/release-VERSION: the image, the program with its manual pages and completions,
# the chart, the plain manifests, the bill of materials, and the checksums of all. The same commit gives the same bytes on machines
# with the same compilers and public CAs.
#   BINARY   a program that is built already, to try the rest
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$(packaging/version.sh)
out=target/release-$version

fail() {
	echo "release: $*" >&2
	exit 1
}

[[ -z $(git status --porcelain) ]] || fail "the tree has changes that are in no commit; commit or stash them"
grep -q "^## $version" CHANGELOG.md || [[ -n ${UNRELEASED:-} ]] ||
	fail "CHANGELOG.md has no section '## $version'; write it first (docs/RELEASING.md), or set UNRELEASED=1 to try"

SALLYPORT_COMMIT=$(git rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SALLYPORT_COMMIT SOURCE_DATE_EPOCH
BINARY=${BINARY:-$(packaging/program.sh)}
export BINARY

# A tar file without anything of this machine: the archive, then the folder and what of it.
pack() {
	local archive=$1
	shift
	tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --format=ustar \
		--dereference -cf - -C "$@" | gzip -9n >"$archive"
}

rm -rf "$out" "$out.work"
mkdir -p "$out" "$out.work"
packaging/image.sh release
cp target/image/sallyport-*.tar target/image/sallyport.cdx.json "$out"

program=sallyport-$version-linux-$(uname -m)
mkdir -p "$out.work/$program/completion"
cp "$BINARY" LICENSE README.md CHANGELOG.md "$out.work/$program"
"$BINARY" man --out "$out.work/$program/man"
for shell in bash fish zsh; do
	"$BINARY" completion "$shell" >"$out.work/$program/completion/sallyport.$shell"
done
pack "$out/$program.tar.gz" "$out.work" "$program"

# The chart, with the definitions that stand beside it.
cp -rL manifests/helm "$out.work/sallyport"
pack "$out/sallyport-$version.tgz" "$out.work" sallyport
told=$("$(tests/tools/build.sh helm)" show chart "$out/sallyport-$version.tgz" | sed -n 's/^version: //p')
[[ $told == "$version" ]] || fail "Helm reads version $told from the chart's package"
for part in crds install; do
	for file in manifests/"$part"/*.yaml; do
		echo "---"
		cat "$file"
	done >"$out/$part.yaml"
done

rm -rf "$out.work"
(cd "$out" && sha256sum -- * >SHA256SUMS)
cat "$out/SHA256SUMS"
