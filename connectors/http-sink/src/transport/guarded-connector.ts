import { lookup, type LookupAddress } from 'node:dns';
import type { Socket } from 'node:net';
import { buildConnector } from 'undici';
import type { AddressRules } from './address-rules.js';

/** The rules forbid the host or its address: never tried again. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
  readonly code = 'ADDRESS_REFUSED';
}

type Resolve = typeof lookup;
type LookupDone = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/**
 * Connects only where the rules allow it. A name is resolved once, each of its addresses is judged, and the socket is opened to one of those
 * very addresses: an answer of DNS that changes in between changes nothing. The address of the open socket is judged again.
 */
export function guardedConnector(rules: AddressRules, options: buildConnector.BuildOptions, resolve: Resolve = lookup): buildConnector.connector {
  const judgedLookup = (hostname: string, given: object, done: LookupDone): void => {
    resolve(hostname, { ...given, all: true }, (error, addresses) => {
      if (error) return done(error, []);
      for (const { address } of addresses) {
        const refusal = rules.refusesAddress(address, hostname);
        if (refusal !== undefined) return done(new AddressRefused(refusal), []);
      }
      const [first] = addresses;
      if ('all' in given && given.all) done(null, addresses);
      else done(null, first?.address ?? '', first?.family);
    });
  };
  const connect = buildConnector({ ...options, lookup: judgedLookup } as buildConnector.BuildOptions);
  return (target, done) => {
    const refusal = rules.refusesHost(target.hostname);
    if (refusal !== undefined) return void queueMicrotask(() => done(new AddressRefused(refusal), null));
    connect(target, (...result) => {
      const [error, socket] = result;
      if (error) return done(...result);
      const reached = (socket as Socket).remoteAddress;
      const refused = reached === undefined ? undefined : rules.refusesAddress(reached, target.hostname);
      if (refused === undefined) return done(...result);
      socket.destroy();
      done(new AddressRefused(refused), null);
    });
  };
}
