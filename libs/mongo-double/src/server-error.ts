/** An answer `{ok: 0}`: what the server says when a command fails. */
export class ServerError extends Error {
  constructor(
    readonly code: number,
    readonly codeName: string,
    message: string,
    readonly labels: readonly string[] = [],
  ) {
    super(message);
  }
}

export function badValue(message: string): ServerError {
  return new ServerError(2, 'BadValue', message);
}

/** Something that a server knows and this double does not: said by name, never ignored. */
export function notBuilt(what: string): ServerError {
  return new ServerError(238, 'NotImplemented', `mongo-double does not know ${what}`);
}
