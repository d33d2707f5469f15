export { cacheFolder, fetchPeers, peerClassPath, peersMissing, pluginFolder, repositoryRoot } from './peers/peer-cache.js';
export { PEER_TOOLS, runPeerTool, runProgram, spawnPeerTool, type PeerTool, type ToolResult } from './peers/peer-tools.js';
export { PeerProcess } from './peers/peer-process.js';
