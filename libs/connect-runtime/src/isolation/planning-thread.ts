import { parentPort } from 'node:worker_threads';
import { invariant } from '@millrace/foundation';
import type { PlanningCall } from './planning-protocol.js';
import { PlanningSide } from './planning-side.js';

invariant(parentPort, 'this file is the entry of a worker thread');
const port = parentPort;
const side = new PlanningSide((message) => port.postMessage(message));
port.on('message', (call: PlanningCall) => void side.take(call));
