#!/bin/sh
# The part of Millrace that runs here says itself whether it is well; a broker without HTTP by taking a connection.
case $(cat /tmp/millrace-part) in
  broker) exec node -e 'require("net").connect(Number(process.env.MILLRACE_HEALTH_PORT ?? 9092), "127.0.0.1").on("connect", () => process.exit(0)).on("error", () => process.exit(1))' ;;
  *) exec node -e 'fetch("http://127.0.0.1:8083/health").then((it) => process.exit(it.ok ? 0 : 1), () => process.exit(1))' ;;
esac
