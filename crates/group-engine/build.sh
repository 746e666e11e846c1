#!/bin/sh
# Runs build.ts with the repository's own Node; arguments go through (see there).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec "$here/../../node_modules/.bin/node" "$here/build.ts" "$@"
