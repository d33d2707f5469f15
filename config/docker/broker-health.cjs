// Ends with 0 when the broker here takes requests and is among those that its cluster can reach.
'use strict';
const { BrokerConnection, NodeTransport } = require('../../libs/network');
const { systemClock, timerScheduler } = require('../../libs/platform');
const { Metadata } = require('../../libs/protocol');

const TIMEOUT_MS = 3000;
const METADATA_VERSION = 9;

(async () => {
  const endpoint = { host: '127.0.0.1', port: Number(process.env.MILLRACE_HEALTH_PORT ?? 9092) };
  const connection = await BrokerConnection.connect({ transport: new NodeTransport(), clock: systemClock, scheduler: timerScheduler, endpoint, clientId: 'health', connectTimeoutMs: TIMEOUT_MS, requestTimeoutMs: TIMEOUT_MS });
  const { brokers } = await connection.request(Metadata, METADATA_VERSION, { topics: [] });
  const isActive = brokers.some((it) => it.nodeId === Number(process.env.KAFKA_NODE_ID ?? 1));
  if (!isActive) console.log('the broker is not active in its cluster');
  process.exit(isActive ? 0 : 1);
})().catch((error) => {
  console.log(error.message);
  process.exit(1);
});
