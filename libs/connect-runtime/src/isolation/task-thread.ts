import { parentPort } from 'node:worker_threads';
import { invariant } from '@millrace/foundation';
import type { Channel, HostMessage, TaskMessage } from './task-protocol.js';
import { TaskSide } from './task-side.js';

invariant(parentPort, 'this file is the entry of a worker thread');
const port = parentPort;
const channel: Channel<TaskMessage, HostMessage> = { send: (message) => port.postMessage(message), onMessage: () => undefined };
port.on('message', (message: HostMessage) => channel.onMessage(message));
new TaskSide(channel, () => process.exit(0));
