import type { Endpoint } from '@millrace/foundation';

/** Who speaks. A listener without authentication gives everybody `User:ANONYMOUS`. */
export interface Principal {
  readonly type: string;
  readonly name: string;
}

export const ANONYMOUS: Principal = { type: 'User', name: 'ANONYMOUS' };

/** What the client said about itself in ApiVersions (KIP-511). */
export interface ClientSoftware {
  readonly name: string;
  readonly version: string;
}

/** What our own clients and nodes say. */
export const OWN_SOFTWARE: ClientSoftware = { name: 'millrace', version: '0.1.0' };

/** One client connection, from the socket inward. Authentication replaces `principal`, ApiVersions sets `clientSoftware`; nothing else changes it. */
export interface ConnectionContext {
  readonly connectionId: string;
  readonly listenerName: string;
  readonly remote: Endpoint;
  readonly local: Endpoint;
  principal: Principal;
  clientSoftware: ClientSoftware | undefined;
}

/** One request: its header and the connection that it came by. */
export interface RequestContext {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | undefined;
  readonly connection: ConnectionContext;
  /** A broker has passed it on for a client of its own, who is told by `connection`. */
  readonly isForwarded?: boolean;
}
