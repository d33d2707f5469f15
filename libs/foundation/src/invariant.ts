/** A promise of our own code was broken: the shard, task or process that sees it must not go on. Never caught to be ignored. */
export class InvariantError extends Error {
  readonly code = 'INVARIANT';
  override readonly name = 'InvariantError';
}

export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
