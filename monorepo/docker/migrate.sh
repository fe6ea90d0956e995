#!/bin/sh
# Brings the database of the app up to date; its failure stops the release.
set -eu

if [ ! -f dist/migrate.js ]; then
    echo "no dist/migrate.js: nothing to migrate"
    exit 0
fi
exec /usr/local/bin/entrypoint.sh node dist/migrate.js
