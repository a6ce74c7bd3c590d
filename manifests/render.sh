#!/usr/bin/env bash
# Renders the plain install from the chart, with the chart's own defaults, into a folder.
#   manifests/render.sh FOLDER [CHART]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:?} chart=${2:-$here/helm}
helm=$("$here/../tests/tools/build.sh" helm)

rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT
# The definitions have a folder of their own, and kubectl makes the namespace that Helm would need beforehand.
"$helm" template sallyport "$chart" --namespace sallyport-system --output-dir "$rendered" \
	--set crds.install=false --set namespaces.createSystem=true >/dev/null 2> >(grep -v "symbolic link" >&2)
mkdir -p "$folder"
rm -f "$folder"/*.yaml
for file in "$rendered"/sallyport/templates/*.yaml; do
	{
		echo "# Rendered from manifests/helm by \`make manifests\`. Do not edit."
		# Helm tells the source before each object, and leaves empty lines behind.
		sed -e '1{/^---$/d}' -e '/^# Source: /d' "$file" | awk '/^[ \t]*$/ { next } { print }'
	} >"$folder/${file##*/}"
done
