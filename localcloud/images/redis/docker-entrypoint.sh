#!/bin/bash
# Starts Redis as the public image does: options or a configuration file alone mean the server.
set -euo pipefail

if [[ ${1:0:1} == - || $1 == *.conf ]]; then
    set -- redis-server "$@"
fi
if [[ $1 == redis-server && $(id -u) == 0 ]]; then
    chown -R redis:redis /data
    exec gosu redis "$0" "$@"
fi
umask 0077
exec "$@"
