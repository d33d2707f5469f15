import { CreateTopics, ErrorCode, isRetriableError, ProtocolError } from '@millrace/protocol';
import { askBroker } from './ask-broker.js';

const VERSION = 5;
const TIMEOUT_MS = 2000;
/** As many replicas as brokers give a topic when nobody says. */
const BROKERS_DEFAULT = -1;

/** False when it is to be asked once more; what is there already is created. Rejects with the ProtocolError of what no further try mends. */
export async function createTopic(address: string, topic: string, partitions: number): Promise<boolean> {
  const body = { topics: [{ name: topic, numPartitions: partitions, replicationFactor: BROKERS_DEFAULT, assignments: [], configs: [] }], timeoutMs: TIMEOUT_MS };
  const answer = await askBroker(address, (it) => it.request(CreateTopics, VERSION, body));
  const outcome = answer?.topics[0];
  if (outcome === undefined) return false;
  const { errorCode, errorMessage } = outcome;
  if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.TOPIC_ALREADY_EXISTS) return true;
  if (!isRetriableError(errorCode)) throw new ProtocolError(errorCode, errorMessage);
  return false;
}
