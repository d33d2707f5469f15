import { BrokerConnection, NodeTransport } from '@millrace/network';
import { systemClock, timerScheduler } from '@millrace/platform';
import { Metadata } from '@millrace/protocol';

const METADATA_VERSION = 9;
const TIMEOUT_MS = 2000;

/** The ids of the brokers that can be reached, as the one at `address` tells them; empty when it does not answer. */
export async function activeBrokers(address: string): Promise<number[]> {
  const [host = '', port = ''] = address.split(':');
  let connection: BrokerConnection | undefined;
  try {
    connection = await BrokerConnection.connect({ transport: new NodeTransport(), clock: systemClock, scheduler: timerScheduler, endpoint: { host, port: Number(port) }, clientId: 'testkit', connectTimeoutMs: TIMEOUT_MS, requestTimeoutMs: TIMEOUT_MS });
    const { brokers } = await connection.request(Metadata, METADATA_VERSION, { topics: [], allowAutoTopicCreation: false });
    return brokers.map((it) => it.nodeId);
  } catch {
    return [];
  } finally {
    connection?.close();
  }
}
