#!/bin/sh
# Gives the app its secrets: each file of /run/secrets becomes the variable of that name.
# They are files so that no `docker inspect` shows them.
set -eu

for file in /run/secrets/*; do
    [ -f "$file" ] || continue
    name=${file##*/}
    case $name in
        *[!A-Za-z0-9_]* | [0-9]*) continue ;;
    esac
    [ -r "$file" ] || { echo "secret $name cannot be read by uid $(id -u)" >&2; exit 1; }
    export "$name=$(cat "$file")"
done

exec "$@"
