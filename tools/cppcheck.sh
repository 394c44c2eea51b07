#!/bin/bash
# cppcheck over all C code; keeps its results in build/cppcheck, so that only what changed is looked at again.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p build/cppcheck
directories=()
for directory in src operators tests; do
	[ -n "$(find "$directory" -name '*.c' -print -quit)" ] && directories+=("$directory")
done
cppcheck --quiet -j "$(nproc)" --cppcheck-build-dir=build/cppcheck --std=c11 --language=c --library=posix \
	--enable=warning,performance,portability --inline-suppr --suppressions-list=tools/cppcheck.txt \
	--error-exitcode=1 -D_GNU_SOURCE -DISOTOPE_VERSION='""' -Isrc -I. "${directories[@]}"
