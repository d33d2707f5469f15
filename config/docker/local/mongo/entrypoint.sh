#!/bin/sh
# Takes the flags of `mongod` that docker-compose.yml gives, and means the same by them.
set -eu
set=rs0
while [ $# -gt 0 ]; do
  if [ "$1" = --replSet ]; then set=$2; fi
  shift
done
exec node /mongo-double/dist/main.js --host "${MONGO_MEMBER_HOST:-mongo}" --port 27017 --set "$set" --file /data/db/changes.bson
