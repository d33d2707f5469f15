export { cacheFolder, fetchPeers, peerClassPath, peersMissing, pluginFolder, repositoryRoot } from './peers/peer-cache.js';
export { PEER_TOOLS, runPeerTool, runProgram, spawnPeerTool, type PeerTool, type ToolResult } from './peers/peer-tools.js';
export { PeerProcess } from './peers/peer-process.js';
export { freePort } from './processes/free-port.js';
export { MillraceProcess } from './processes/millrace-process.js';
export { Flow, isListening, waitFor, type FlowOptions } from './flow/flow.js';
export { SeededRandom } from './flow/seeded-random.js';
export { nothingLost, type NothingLostOptions, type NothingLostResult } from './flow/nothing-lost.js';
