#!/usr/bin/env bash
# Runs one script of package.json with the pinned tools first: `tools/make.sh <script> [argument…]`.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/prepare.sh
export PATH="$PWD/node_modules/.bin:$PATH"
script=$1
shift
exec npm run --silent "$script" -- "$@"
