/** Bytes from outside do not have the form that was promised. The message says where and what, never the content. */
export class MalformedBytes extends Error {
  readonly code = 'MALFORMED_BYTES';
  override readonly name = 'MalformedBytes';
}
