import type { Flavor } from './flavor.js';
import type { Random } from './random.js';

/** A Kafka Uuid in its text form: 16 bytes as 22 characters of unpadded base64url. */
export type Uuid = Flavor<string, 'Uuid'>;

export const ZERO_UUID: Uuid = 'AAAAAAAAAAAAAAAAAAAAAA';
/** The topic id that Kafka reserves for `__cluster_metadata`. */
export const METADATA_TOPIC_UUID: Uuid = 'AAAAAAAAAAAAAAAAAAAAAQ';

export function uuidFromBytes(bytes: Uint8Array, position = 0): Uuid {
  return Buffer.from(bytes.buffer, bytes.byteOffset + position, 16).toString('base64url');
}

export function uuidToBytes(uuid: Uuid): Uint8Array {
  return Buffer.from(uuid, 'base64url');
}

export function isUuid(text: string): boolean {
  return /^[A-Za-z0-9_-]{22}$/.test(text);
}

/** A random (version 4) id whose text does not begin with "-", as Kafka makes them: such a text would read as an option on a command line. */
export function randomUuid(random: Random): Uuid {
  for (;;) {
    const bytes = random.bytes(16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const uuid = uuidFromBytes(bytes);
    if (!uuid.startsWith('-')) return uuid;
  }
}
