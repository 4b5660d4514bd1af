#!/bin/sh
# Checks the published protobuf contract: its style, and that no change breaks a reader of what was released
# last (the newest tag v*; until there is one, the branch main).
set -eu
cd "$(dirname "$0")/.."

buf lint proto

released() {
    {
        git tag --list 'v*' --sort=-version:refname
        echo origin/main
        echo main
    } | while read -r name; do
        if git cat-file -e "$name:proto/buf.yaml" 2>/dev/null; then
            echo "$name"
            break
        fi
    done
}

base=$(released)
if [ -z "$base" ]; then
    echo "proto: NOT checked for breaking changes: no tag v* and no branch main that has proto/" >&2
    exit
fi
if git diff --quiet "$base" -- proto; then
    echo "proto: the same as in $base: no change to check for breakage" >&2
    exit
fi
old=$(mktemp -d)
trap 'rm -rf "$old"' EXIT
git archive "$base" proto | tar -x -C "$old"
buf breaking proto --against "$old/proto"
echo "proto: no breaking change since $base" >&2
