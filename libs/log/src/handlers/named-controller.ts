const NONE = -1;

/**
 * The id that Metadata and DescribeCluster name as the controller. Every broker forwards what is the controller's, so any that clients can reach will do: this one before others.
 * It must be one of `brokers`: clients look it up there, and fail when it is missing, as while a broker that has just started is still fenced.
 */
export function namedController(brokers: readonly { readonly brokerId: number }[], ownId: number): number {
  return brokers.some((it) => it.brokerId === ownId) ? ownId : (brokers[0]?.brokerId ?? NONE);
}
