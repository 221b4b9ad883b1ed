#!/bin/sh
# npm.sh: the browser tests' packages, exactly as locked, without running their scripts. Nothing to do if they are there.
set -eu
cd "$(dirname "$0")/../e2e"
[ -f package-lock.json ] || exit 0
if [ -f node_modules/.package-lock.json ] && [ node_modules/.package-lock.json -nt package-lock.json ]; then exit 0; fi
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
touch node_modules/.package-lock.json
