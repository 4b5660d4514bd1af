#!/bin/sh
# Checks docker-compose.yml without an engine: a compose tool reads it, and the program accepts the settings
# that each of its services is given.
set -eu
cd "$(dirname "$0")/.."

# Only its form matters here.
export SLUICE_PEPPER='check 0123456789abcdef0123456789abcdef'
if docker compose version >/dev/null 2>&1; then
    compose='docker compose'
elif command -v docker-compose >/dev/null 2>&1; then
    compose=docker-compose
else
    echo 'compose: neither `docker compose` nor `docker-compose` is installed; run make tools' >&2
    exit 1
fi
cargo build --quiet --bin sluice

$compose -f docker-compose.yml config | python3 tools/compose_settings.py |
    while read -r service role settings; do
        # shellcheck disable=SC2086
        env -i $settings SLUICE__AUTH__PEPPER="$SLUICE_PEPPER" \
            "${CARGO_TARGET_DIR:-target}/debug/sluice" config check --role "$role" >/dev/null ||
            { echo "compose: the settings of $service are refused" >&2; exit 1; }
        echo "compose: the program accepts the settings of $service" >&2
    done
