#!/bin/sh
# Fuzzes every target, one after the other; it fails at the first input that makes one panic.
# It needs no nightly compiler: no sanitizer is used, for none of our code is unsafe.
#
# usage: tools/fuzz.sh SECONDS [TARGET...]
set -eu
seconds=$1
shift
cd "$(dirname "$0")/.."

cargo-fuzz build --sanitizer none
[ $# -gt 0 ] || set -- $(cargo-fuzz list)

log=$(mktemp)
trap 'rm -f "$log"' EXIT
for target in "$@"; do
    mkdir -p "fuzz/corpus/$target"
    # New finds go to the first directory; seeds are only read.
    if ! cargo-fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -verbosity=0 -print_final_stats=1 >"$log" 2>&1; then
        grep -v 'Uses: [0-9]*$' "$log" >&2
        exit 1
    fi
    echo "fuzz: $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s, no fault" >&2
done
