#!/usr/bin/env bash
# Checks what a machine must have, and installs the locked dependencies if they are not there yet.
set -euo pipefail
cd "$(dirname "$0")/.."

missing() {
  echo "cloister: $1" >&2
  exit 1
}

command -v git >/dev/null || missing "git is not installed; install it with your package manager"
command -v node >/dev/null || missing "Node is not installed; install Node 20 or newer, with npm"
command -v npm >/dev/null || missing "npm is not installed; it comes with Node 20 or newer"
node_major=$(node -p 'process.versions.node.split(".")[0]')
[ "$node_major" -ge 20 ] || missing "Node $node_major is too old; install Node 20 or newer"
command -v go >/dev/null || missing "Go is not installed; install Go 1.26, or 1.21 that may fetch toolchains"
go_version=$(go env GOVERSION | sed 's/^go//')
go_minor=$(echo "$go_version" | cut -d. -f2 | sed 's/[^0-9].*//')
if [ "${go_version%%.*}" -lt 2 ] && [ "$go_minor" -lt 21 ]; then
  missing "Go $go_version is too old; install Go 1.26, or 1.21 that may fetch toolchains"
fi

hash_of_lock() { cksum <package-lock.json; }
stamp=node_modules/.cloister-lock
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(hash_of_lock)" ]; then exit 0; fi

# A tree that is there is brought up to the lock, not taken away under whoever uses it.
verb=ci
[ -d node_modules ] && verb=install
echo "cloister: npm $verb" >&2
if ! npm "$verb" --no-progress --loglevel=error; then
  echo "cloister: npm $verb failed; once more" >&2
  sleep 3
  npm "$verb" --no-progress --loglevel=error ||
    missing "the dependencies cannot be installed; is the npm registry reachable?"
fi
[ -x node_modules/.bin/node ] ||
  missing "no Node 26 for this platform among the dependencies; Linux on x64 or arm64 has one"
hash_of_lock >"$stamp"
