#!/bin/sh
# Installs what `make` needs and the machine lacks: system packages where it may (Debian, as root),
# tools written in Rust from their sources, the others as Python wheels. Nothing goes into the checkout,
# and nothing is installed that is there already in the version that tools/versions names.
#
# usage: tools/install.sh DIR    DIR/bin and DIR/python/bin receive the programs
set -eu
home=$1
cd "$(dirname "$0")/.."
. tools/versions
export PATH="$home/bin:$home/python/bin:$PATH"

say() { echo "tools: $*" >&2; }
die() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# Prints the version that a program reports of itself, or nothing.
version_of() { "$1" --version 2>/dev/null | head -n 1 | sed 's/^[^0-9]*//; s/ .*//'; }

system_packages() {
    missing=
    { has c++ || has g++; } || missing="$missing g++"
    has make || missing="$missing make"
    has git || missing="$missing git"
    has python3 || missing="$missing python3"
    # Debian keeps pip and the module that makes virtual environments in packages of their own.
    python3 -c 'import ensurepip' 2>/dev/null || python3 -m pip --version >/dev/null 2>&1 ||
        missing="$missing python3-venv"
    [ -n "$missing" ] || return 0

    if has apt-get && [ "$(id -u)" = 0 ]; then
        say "installing$missing"
        apt-get update -qq
        # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    else
        die "install these by the means of your system, then run make again:$missing"
    fi
}

rust() {
    has cargo || die "install Rust $(sed -n 's/^channel = //p' rust-toolchain.toml) with rustup, then run make again"
    for component in cargo-clippy rustfmt; do
        "$component" --version >/dev/null 2>&1 ||
            rustup component add clippy rustfmt ||
            die "the toolchain lacks clippy or rustfmt: rustup component add clippy rustfmt"
    done
}

# from_source PACKAGE VERSION
from_source() {
    [ "$(version_of "$1")" = "$2" ] && return
    say "building $1 $2 (once; minutes)"
    CARGO_TARGET_DIR="$home/target" cargo install --quiet --locked --force --root "$home" --version "$2" "$1"
    fresh_builds=yes
}

wheels() {
    [ "$(version_of typos)" = "$TYPOS" ] && [ "$(version_of buf)" = "$BUF" ] && return
    say "installing typos $TYPOS and buf $BUF"
    if [ ! -x "$home/python/bin/python3" ]; then
        python3 -m venv "$home/python" 2>/dev/null || rm -rf "$home/python"
    fi
    if [ -x "$home/python/bin/python3" ]; then
        "$home/python/bin/python3" -m pip install --quiet --disable-pip-version-check "typos==$TYPOS" "buf-bin==$BUF"
    else
        # Both at once: this way of installing replaces the whole of bin/.
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --upgrade --target "$home/python" \
            "typos==$TYPOS" "buf-bin==$BUF"
    fi
}

fresh_builds=
mkdir -p "$home"
system_packages
rust
from_source cargo-nextest "$CARGO_NEXTEST"
from_source cargo-deny "$CARGO_DENY"
from_source cargo-machete "$CARGO_MACHETE"
from_source cargo-fuzz "$CARGO_FUZZ"
wheels
# The builds share what they depend on; afterwards it is only in the way.
[ -z "$fresh_builds" ] || rm -rf "$home/target"
