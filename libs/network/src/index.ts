export { NodeTransport } from './node-transport.js';
export { FrameDecoder } from './frame-decoder.js';
