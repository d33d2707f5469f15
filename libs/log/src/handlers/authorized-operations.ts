/** Kafka's ids of operations, as bits: every operation that the kind of resource knows. */
const ALTER = 7;
const OPERATIONS = {
  group: [3, 6, 8, 10, 11],
  topic: [3, 4, 5, 6, ALTER, 8, 10, 11],
  cluster: [5, ALTER, 8, 9, 10, 11, 12],
} as const;

/** Without an authorizer everything is allowed, and that is what Kafka answers then. */
export function authorizedOperations(resource: keyof typeof OPERATIONS): number {
  return OPERATIONS[resource].reduce((bits: number, operation) => bits | (1 << operation), 0);
}
