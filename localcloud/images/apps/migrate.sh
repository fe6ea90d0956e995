#!/bin/sh
# Brings the database of the app up to date.
exec /usr/local/bin/entrypoint.sh node /app/src/migrate.mjs
