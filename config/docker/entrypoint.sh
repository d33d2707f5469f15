#!/bin/sh
# broker and connect take their settings from KAFKA_... and CONNECT_... variables.
set -eu
part=$1
shift
case $part in
  broker | connect) exec node "/millrace/apps/$part/dist/main.js" "$@" ;;
  dev) exec node /millrace/apps/cli/dist/main.js dev --data-dir /data "$@" ;;
  *) echo "unknown part \"$part\": expected broker, connect or dev" >&2; exit 2 ;;
esac
