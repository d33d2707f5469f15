import { inspect } from 'node:util';

export const PASSWORD_MASK = '[hidden]';

/** A secret that does not print: only `reveal()` gives it. */
export class Password {
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  reveal(): string {
    return this.#secret;
  }

  toString(): string {
    return PASSWORD_MASK;
  }

  toJSON(): string {
    return PASSWORD_MASK;
  }

  [inspect.custom](): string {
    return PASSWORD_MASK;
  }
}
