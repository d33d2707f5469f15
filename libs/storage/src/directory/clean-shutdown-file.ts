import type { BrokerEpoch } from '@millrace/foundation';

export const CLEAN_SHUTDOWN_FILE = '.kafka_cleanshutdown';

export function encodeCleanShutdown(brokerEpoch: BrokerEpoch): string {
  return JSON.stringify({ version: 0, brokerEpoch });
}

/** The broker epoch; -1 when the file does not tell (its presence alone means a clean shutdown). */
export function decodeCleanShutdown(text: string): BrokerEpoch {
  const match = /"brokerEpoch"\s*:\s*(-?\d{1,16})/.exec(text);
  return match === null ? -1 : Number(match[1]);
}
