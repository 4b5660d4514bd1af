#!/bin/sh
# Prints the name under which rustup has the version of Rust that rust-toolchain.toml pins.
# A machine that cannot download toolchains may have that very version as `stable` only.
set -eu
cd "$(dirname "$0")/.."

pinned=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
version_of() { rustup run "$1" rustc --version 2>/dev/null | cut -d ' ' -f 2; }

for name in "$pinned" stable; do
    if [ "$(version_of "$name")" = "$pinned" ]; then
        echo "$name"
        exit
    fi
done
# Not here under either name: rustup will say so, or install it.
echo "$pinned"
