import { BrokerConnection, NodeTransport } from '@millrace/network';
import { systemClock, timerScheduler } from '@millrace/platform';

const TIMEOUT_MS = 2000;

/** With a connection of its own: a broker that hangs is not asked twice. Undefined when it does not answer. */
export async function askBroker<T>(address: string, question: (connection: BrokerConnection) => Promise<T>): Promise<T | undefined> {
  const [host = '', port = ''] = address.split(':');
  let connection: BrokerConnection | undefined;
  try {
    connection = await BrokerConnection.connect({ transport: new NodeTransport(), clock: systemClock, scheduler: timerScheduler, endpoint: { host, port: Number(port) }, clientId: 'testkit', connectTimeoutMs: TIMEOUT_MS, requestTimeoutMs: TIMEOUT_MS });
    return await question(connection);
  } catch {
    return undefined;
  } finally {
    connection?.close();
  }
}
