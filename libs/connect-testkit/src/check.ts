/** One claim of an acceptance suite, by itself: `describe…` makes a test of it, and anything else may run it as it is. */
export interface Check<D> {
  /** Reads as the rest of a sentence about the connector; unique within its suite. */
  readonly name: string;
  /** Why the check says nothing about this driver's connector (a hook or a claim is missing); undefined when it applies. */
  notApplicable?(driver: D): string | undefined;
  /** Rejects with a `CheckFailure` when the connector breaks the claim. Opens and closes the driver's world by itself. */
  run(driver: D): Promise<void>;
}

/** The connector breaks a rule of the contract. */
export class CheckFailure extends Error {
  override readonly name = 'CheckFailure';
}

/** Throws a `CheckFailure` with this text unless the condition holds. */
export function ensure(condition: boolean, broken: string | (() => string)): asserts condition {
  if (!condition) throw new CheckFailure(typeof broken === 'string' ? broken : broken());
}

/** An error as text, without its stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** True for an error with this `code`: identity is by code, never by class. */
export function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
