#!/bin/sh
# Puts the former versions live again: `./manacore rollback`, by the name that the plan has for it.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)

case "${1:-}" in
-h | --help)
    cat <<'USAGE'
usage: scripts/deploy/rollback.sh [--stack STACK] [--release ID] [SERVICE ...]

Puts the former versions of a stack live again: of the last release, of the release ID, or of these
services only. STACK is staging or production; without it, staging.
./manacore history --stack STACK lists the releases.
docs/runbooks/rollback.md says what to do before and after.
USAGE
    exit 0
    ;;
esac
exec "$here/manacore" rollback "$@"
