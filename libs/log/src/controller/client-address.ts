import { isIPv4, isIPv6 } from 'node:net';

const UNKNOWN = new Uint8Array(4);

/** The four or sixteen bytes of an IP address; those of 0.0.0.0 for anything else (a name that a simulation gives). */
export function addressBytes(host: string): Uint8Array {
  if (isIPv4(host)) return Uint8Array.from(host.split('.').map(Number));
  const [address = ''] = host.split('%');
  return isIPv6(address) ? ipv6Bytes(address) : UNKNOWN;
}

/** The counterpart of `addressBytes`; undefined for bytes of another length. */
export function addressOf(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! * 256 + bytes[2 * i + 1]!).toString(16));
  return groups.join(':');
}

function ipv6Bytes(address: string): Uint8Array {
  const [head = '', tail] = address.split('::');
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const groups = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  return Uint8Array.from(groups.flatMap((it) => [it >> 8, it & 0xff]));
}

/** The last two groups may be written as an IPv4 address. */
function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((it) => {
    if (!it.includes('.')) return [Number.parseInt(it, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = it.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}
