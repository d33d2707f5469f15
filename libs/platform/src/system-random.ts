import { randomBytes, randomInt } from 'node:crypto';
import type { Random } from '@millrace/foundation';

/** From the system's secure source: ids made with it do not collide between processes. */
export const systemRandom: Random = { bytes: (length) => randomBytes(length), integer: (bound) => randomInt(bound) };
