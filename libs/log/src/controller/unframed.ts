import type { ResponseFrameBytes } from '@millrace/network';

const SIZE_BYTES = 4;

/** One frame for whoever passes it on in another way than by a socket: without its size. */
export function unframed(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts).subarray(SIZE_BYTES);
}

/** A copy: what lent its bytes to the answer has them back. */
export function unframedAnswer({ parts, onSent }: ResponseFrameBytes): Uint8Array {
  const bytes = unframed(parts);
  onSent?.();
  return bytes;
}
