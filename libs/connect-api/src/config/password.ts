import { inspect } from 'node:util';

/** What stands for a secret wherever something prints: the text that Java Connect uses. */
export const PASSWORD_MASK = '[hidden]';

/** A secret that does not print: only `reveal()` gives it. */
export class Password {
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  /** The secret. Give it to what needs it at once, and to nothing that logs. */
  reveal(): string {
    return this.#secret;
  }

  /** The mask. */
  toString(): string {
    return PASSWORD_MASK;
  }

  /** The mask. */
  toJSON(): string {
    return PASSWORD_MASK;
  }

  [inspect.custom](): string {
    return PASSWORD_MASK;
  }
}
