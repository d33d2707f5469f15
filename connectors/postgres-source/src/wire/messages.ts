/** Types of the messages that the server sends while a query, a COPY or a replication stream runs. */
export const Backend = {
  copyData: 0x64,
  copyDone: 0x63,
  copyOut: 0x48,
  copyBoth: 0x57,
  commandComplete: 0x43,
  error: 0x45,
  notice: 0x4e,
  parameterStatus: 0x53,
  readyForQuery: 0x5a,
  rowDescription: 0x54,
  dataRow: 0x44,
} as const;

/** A simple query. */
export function queryMessage(sql: string): Buffer {
  const length = Buffer.byteLength(sql);
  const message = Buffer.alloc(length + 6);
  message[0] = 0x51;
  message.writeUInt32BE(length + 5, 1);
  message.write(sql, 5);
  return message;
}

/** What the server reports when something failed. */
export class ServerError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly severity: string,
  ) {
    super(message);
  }
}

/** Reads an ErrorResponse. */
export function readServerError(bytes: Buffer, start: number, end: number): ServerError {
  let code = '';
  let message = 'the server reported an error';
  let severity = 'ERROR';
  for (let at = start; at < end && bytes[at] !== 0; ) {
    const stop = bytes.indexOf(0, at + 1);
    const text = bytes.toString('utf8', at + 1, stop);
    if (bytes[at] === 0x43) code = text;
    else if (bytes[at] === 0x4d) message = text;
    else if (bytes[at] === 0x56) severity = text;
    at = stop + 1;
  }
  return new ServerError(code, message, severity);
}
