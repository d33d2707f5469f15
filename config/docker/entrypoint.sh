#!/bin/sh
# broker and connect take their settings from KAFKA_... and CONNECT_... variables.
set -eu
part=$1
shift
echo "$part" > /tmp/millrace-part
case $part in
  broker | connect) exec node "/millrace/apps/$part/dist/main.js" "$@" ;;
  dev) exec node /millrace/apps/cli/dist/main.js dev --data-dir /data "$@" ;;
  mongo-replica-set) exec node /millrace/config/docker/mongo-replica-set.cjs "$@" ;;
  *) echo "unknown part \"$part\": expected broker, connect, dev or mongo-replica-set" >&2; exit 2 ;;
esac
