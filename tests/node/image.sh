#!/usr/bin/env bash
# Writes a folder as a container image of one layer: an OCI image layout in a tar
# (https://github.com/opencontainers/image-spec/blob/main/image-layout.md), as `ctr images import` takes it. The same
# folder gives the same bytes.
#
#   image.sh FOLDER NAME:TAG ENTRYPOINT OUT.tar
set -euo pipefail
export LC_ALL=C
folder=$1 name=$2 entrypoint=$3 out=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/blobs/sha256"

# Puts what comes on standard input among the blobs and prints the descriptor of it.
blob() {
	local file=$work/blob digest
	cat >"$file"
	digest=$(sha256sum "$file" | cut -d' ' -f1)
	printf '{"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%d' "$1" "$digest" "$(stat -c %s "$file")"
	mv "$file" "$work/blobs/sha256/$digest"
}
packed() { tar -C "$1" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf - "${@:2}"; }

layer="$(packed "$folder" . | blob layer.v1.tar)}"
digest=$(sed 's/.*"digest":"\([^"]*\)".*/\1/' <<<"$layer")
architecture=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
config="$(printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["%s"],"User":"65532:65532"},"rootfs":{"type":"layers","diff_ids":["%s"]}}' \
	"$architecture" "$entrypoint" "$digest" | blob config.v1+json)}"
manifest="$(printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' \
	"$config" "$layer" | blob manifest.v1+json),\"annotations\":{\"io.containerd.image.name\":\"$name\",\"org.opencontainers.image.ref.name\":\"${name##*:}\"}}"
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s]}' "$manifest" >"$work/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$work/oci-layout"
packed "$work" oci-layout index.json blobs >"$out"
