#!/bin/bash
# Starts PostgreSQL as the public image does: the first start makes the cluster, the superuser
# and the database that the environment names, runs the scripts of /docker-entrypoint-initdb.d,
# and only then listens on the network.
set -euo pipefail
shopt -s nullglob

say() { printf '%s postgres: %s\n' "$(date -u +%FT%TZ)" "$*" >&2; }
fail() { say "error: $*"; exit 1; }

# NAME from the file that NAME_FILE names, when that is set. Both at once is a mistake.
from_file() {
    local name=$1 file_name="${1}_FILE" default=${2:-}
    if [[ -n ${!name:-} && -n ${!file_name:-} ]]; then
        fail "$name and $file_name exclude each other"
    fi
    if [[ -n ${!file_name:-} ]]; then
        [[ -r ${!file_name} ]] || fail "$file_name: ${!file_name} cannot be read"
        printf -v "$name" '%s' "$(<"${!file_name}")"
    else
        printf -v "$name" '%s' "${!name:-$default}"
    fi
    unset "$file_name"
}

[[ $# -gt 0 && ${1:0:1} != - ]] || set -- postgres "$@"
[[ $1 == postgres ]] || exec "$@"

if [[ $(id -u) == 0 ]]; then
    mkdir -p "$PGDATA" /var/run/postgresql
    chown -R postgres:postgres "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA"
    exec gosu postgres "$0" "$@"
fi

mkdir -p "$PGDATA"
chmod 700 "$PGDATA" 2>/dev/null || true

if [[ ! -s $PGDATA/PG_VERSION ]]; then
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_USER postgres
    from_file POSTGRES_DB "$POSTGRES_USER"
    from_file POSTGRES_INITDB_ARGS
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [[ -z $POSTGRES_PASSWORD && $method != trust ]]; then
        fail "POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE is missing: a new cluster needs one"
    fi

    # Split on purpose: it holds several arguments.
    # shellcheck disable=SC2206
    extra=($POSTGRES_INITDB_ARGS)
    if [[ -n $POSTGRES_PASSWORD ]]; then
        # By a pipe: the password is in no argument and in no file.
        initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") "${extra[@]}"
    else
        initdb --username="$POSTGRES_USER" "${extra[@]}"
    fi
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"

    # Only the local socket while the scripts run: nobody meets a half-made database.
    options="-c listen_addresses='' -p 5432"
    [[ $# -eq 1 ]] || options="$(printf '%q ' "${@:2}") $options"
    PGUSER=$POSTGRES_USER pg_ctl -D "$PGDATA" -w -s -o "$options" start
    export PGPASSWORD=$POSTGRES_PASSWORD
    run_sql() {
        psql --set ON_ERROR_STOP=1 --no-psqlrc --quiet --username "$POSTGRES_USER" "$@"
    }
    if [[ $POSTGRES_DB != postgres ]]; then
        run_sql --dbname postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
    fi
    for script in /docker-entrypoint-initdb.d/*; do
        say "running $script"
        case $script in
            # shellcheck disable=SC1090
            *.sh) if [[ -x $script ]]; then "$script"; else . "$script"; fi ;;
            *.sql) run_sql --dbname "$POSTGRES_DB" --file "$script" ;;
            *.sql.gz) gunzip -c "$script" | run_sql --dbname "$POSTGRES_DB" ;;
            *) say "left out: $script" ;;
        esac
    done
    PGUSER=$POSTGRES_USER pg_ctl -D "$PGDATA" -m fast -w -s stop
    unset PGPASSWORD
    say "the new cluster is ready"
fi

unset POSTGRES_PASSWORD
exec "$@"
