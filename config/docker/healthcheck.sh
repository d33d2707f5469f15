#!/bin/sh
# The part of Millrace that runs here says itself whether it is well.
case $(cat /tmp/millrace-part) in
  broker) exec node /millrace/config/docker/broker-health.cjs ;;
  *) exec node -e 'fetch("http://127.0.0.1:8083/health").then((it) => process.exit(it.ok ? 0 : 1), () => process.exit(1))' ;;
esac
