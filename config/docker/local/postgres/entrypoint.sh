#!/bin/sh
# As the official image: POSTGRES_PASSWORD for a new cluster, then the command with its flags.
set -eu
data=/var/lib/postgresql/data
bin=/usr/lib/postgresql/bin
if [ ! -s "$data/PG_VERSION" ]; then
  printf '%s' "$POSTGRES_PASSWORD" > /tmp/password
  "$bin/initdb" -D "$data" -U postgres --auth-host=scram-sha-256 --auth-local=trust --pwfile=/tmp/password -E UTF8 --locale=C > /dev/null
  rm /tmp/password
  echo 'host all all all scram-sha-256
host replication all all scram-sha-256' >> "$data/pg_hba.conf"
fi
[ "$1" = postgres ] && shift
exec "$bin/postgres" -D "$data" -c listen_addresses='*' "$@"
