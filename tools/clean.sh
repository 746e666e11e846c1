#!/usr/bin/env bash
# Removes what was installed, built or cached within the repository.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf .cache coverage
find . -name node_modules -prune -o -type d \( -name dist -o -name target \) -prune -exec rm -rf {} +
find . -name node_modules -type d -prune -exec rm -rf {} +
