#!/bin/sh
# Installs what `make` needs and the machine lacks: system packages where it may (Debian, as root),
# tools written in Rust from their sources, the others as Python wheels, Kafka and Cassandra as jars by Maven.
# Nothing goes into the checkout, and nothing is installed that is there already in the version that
# tools/versions names.
#
# usage: tools/install.sh DIR    DIR/bin and DIR/python/bin receive the programs, DIR/../engines the jars
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

# needs PACKAGE NAME REASON: notes what is missing, as Debian calls it and for people.
needs() {
    packages="$packages $1"
    reasons="$reasons
  $2: $3"
}

# Prints the major version of a Java, or nothing.
java_version() { "$1" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1; }

# Is there a Java that the engines will find? It looks where the crate `engines` looks.
java_is_there() {
    if [ -n "${JAVA_HOME:-}" ]; then
        found=$(java_version "$JAVA_HOME/bin/java")
        [ "$found" = "$JAVA" ] ||
            die "JAVA_HOME ($JAVA_HOME) holds ${found:+Java }${found:-no Java}; Kafka and Cassandra need Java $JAVA: set it to one, or unset it"
        return 0
    fi
    for java in java /usr/lib/jvm/*/bin/java; do
        [ "$(java_version "$java")" != "$JAVA" ] || return 0
    done
    return 1
}

system_packages() {
    packages='' reasons=''
    { has c++ || has g++; } || needs g++ 'a C++ compiler' 'compiles the C libraries for Kafka and zstd'
    has make || needs make 'make' 'compiles them too'
    has git || needs git 'git' 'finds what a change breaks in the protobuf contract'
    has curl || needs curl 'curl' 'sends the examples of the README'
    has pkg-config || needs pkg-config 'pkg-config' 'finds OpenSSL'
    { has pkg-config && pkg-config --exists openssl; } || [ -e /usr/include/openssl/ssl.h ] ||
        needs libssl-dev 'OpenSSL 3 with its headers' 'TLS to Kafka'
    has python3 || needs python3 'Python 3.9' 'runs checks'
    # Debian keeps pip and the module that makes virtual environments in packages of their own.
    python3 -c 'import ensurepip' 2>/dev/null || python3 -m pip --version >/dev/null 2>&1 ||
        needs python3-venv 'Python with pip or venv' 'installs typos and buf'
    java_is_there ||
        needs "openjdk-$JAVA-jdk-headless" "Java $JAVA and no other" 'runs Kafka and Cassandra; where it is not the default, JAVA_HOME names it'
    has mvn || needs maven "Maven $MAVEN or newer" 'fetches Kafka and Cassandra'
    has redis-server || needs redis-server "Redis $REDIS or newer" 'the tests run on it'
    docker compose version >/dev/null 2>&1 || has docker-compose ||
        needs docker-compose 'Docker Compose 1.29 or newer' 'reads docker-compose.yml to check it; no Docker is needed'
    [ -n "$packages" ] || return 0

    if has apt-get && [ "$(id -u)" = 0 ]; then
        debian_packages
    else
        die "install these by the means of your system, then run make again:$reasons"
    fi
}

debian_packages() {
    say "installing$packages"
    apt-get update -qq
    # shellcheck disable=SC2086
    without_services apt-get install -y -qq --no-install-recommends $packages >/dev/null ||
        die "this Debian can't install all of them; by other means, these are needed:$reasons"
}

# Debian starts what it installs, and a Redis of the system would only take the standard port.
without_services() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        trap 'exit 1' HUP INT TERM
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    DEBIAN_FRONTEND=noninteractive "$@"
)

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

# An environment of their own, made again when the list has changed.
wheels() {
    cmp -s tools/python.txt "$home/python/installed.txt" && return
    say "installing what tools/python.txt lists"
    rm -rf "$home/python"
    python3 -m venv "$home/python" || die "python3 can't make an environment: install the package with its venv module"
    "$home/python/bin/python3" -m pip install --quiet --disable-pip-version-check -r tools/python.txt
    cp tools/python.txt "$home/python/installed.txt"
}

# The crate `engines` fetches them by itself when they are wanted; here it is done while there is a network.
engines() {
    jars="$(dirname "$home")/engines"
    [ -d "$jars/kafka-$KAFKA" ] && [ -d "$jars/cassandra-$CASSANDRA" ] && return
    say "fetching Kafka $KAFKA and Cassandra $CASSANDRA (once)"
    SLUICE_TOOLS="$home" cargo run --quiet --bin engines -- fetch >/dev/null
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
engines
