import type { Broker } from '@millrace/log';

/** What a living broker holds in memory: the one place that knows how it is made inside. Undefined while it does not serve. */
export function viewOf(broker: Broker) {
  const server = broker['running']?.broker;
  return server === undefined ? undefined : { partitions: [...server['replicas'].all()], image: server.follower.image };
}
