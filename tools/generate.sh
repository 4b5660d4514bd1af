#!/bin/sh
# Writes every generated document, as the program itself tells it.
#
# usage: tools/generate.sh           into docs/
#        tools/generate.sh --check   nowhere: fails with the difference where docs/ is stale
set -eu
cd "$(dirname "$0")/.."

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
sluice() { cargo run --quiet --bin sluice -- "$@"; }
sluice config reference >"$fresh/configuration.md"
sluice openapi >"$fresh/openapi.json"

stale=
for file in "$fresh"/*; do
    name=docs/$(basename "$file")
    if [ "${1-}" != --check ]; then
        mkdir -p docs
        cp "$file" "$name"
    elif ! diff -u "$name" "$file"; then
        stale="$stale $name"
    fi
done
if [ -n "$stale" ]; then
    echo "generate: stale:$stale (run \`make generate\` and commit the result)" >&2
    exit 1
fi
