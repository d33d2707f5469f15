export { ApiRanges, type ApiVersionSpan } from './api-ranges.js';
export { NegotiatedConnection, type NegotiatedConnectionOptions } from './negotiated-connection.js';
export { NodeTransport } from './node-transport.js';
export { BrokerConnection, type BrokerConnectionOptions } from './broker-connection.js';
export { FrameDecoder } from './frame-decoder.js';
export { ANONYMOUS, OWN_SOFTWARE, type ClientSoftware, type ConnectionContext, type Principal, type RequestContext } from './request-context.js';
export type { ApiRange } from './request-framing.js';
export type { ResponseBytes, ResponseFrameBytes } from './server-connection.js';
export { DEFAULT_SERVER_LIMITS, ProtocolServer, type ProtocolServerOptions, type RequestHandler, type ServerLimits } from './protocol-server.js';
