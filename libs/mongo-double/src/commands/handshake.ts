import { toRaw, type Plain, type RawDocument } from '../bson/raw-value.js';

/** MongoDB 7.0's. */
const WIRE_VERSION_MAX = 21;
const VERSION = '7.0.14';

export interface Member {
  readonly setName: string;
  readonly address: string;
}

/** The answer of hello and of its old names: the one node of the set, and its primary. */
export function hello({ setName, address }: Member, command: RawDocument): { readonly [name: string]: Plain | undefined } {
  const isModern = command.has('hello');
  return {
    helloOk: true,
    ...(isModern ? { isWritablePrimary: true } : { ismaster: true }),
    secondary: false,
    setName,
    setVersion: 1,
    hosts: [address],
    primary: address,
    me: address,
    maxBsonObjectSize: 16 * 1024 * 1024,
    maxMessageSizeBytes: 48_000_000,
    maxWriteBatchSize: 100_000,
    localTime: new Date(),
    logicalSessionTimeoutMinutes: 30,
    connectionId: 1,
    minWireVersion: 0,
    maxWireVersion: WIRE_VERSION_MAX,
    readOnly: false,
    saslSupportedMechs: command.has('saslSupportedMechs') ? ['SCRAM-SHA-256'] : undefined,
  };
}

export function buildInfo(): { readonly [name: string]: Plain | undefined } {
  return { version: VERSION, gitVersion: 'mongo-double', modules: [], versionArray: toRaw(VERSION.split('.').map(Number)), bits: 64, debug: false, maxBsonObjectSize: 16 * 1024 * 1024 };
}
