import { parentPort } from 'node:worker_threads';
import { invariant } from '@millrace/foundation';
import type { Channel, HostMessage, TaskMessage } from './task-protocol.js';
import { TaskSide } from './task-side.js';
import type { FromThread, ToThread } from './thread-protocol.js';

invariant(parentPort, 'this file is the entry of a worker thread');
const port = parentPort;
const post = (message: FromThread): void => port.postMessage(message);
const channelBySlot = new Map<number, Channel<TaskMessage, HostMessage>>();

/** The worker ends the thread when its last task has ended: nothing that a task left behind keeps it. */
function open(slot: number): Channel<TaskMessage, HostMessage> {
  const channel: Channel<TaskMessage, HostMessage> = { send: (message) => post({ slot, message }), onMessage: () => undefined };
  channelBySlot.set(slot, channel);
  new TaskSide(channel, () => {
    channelBySlot.delete(slot);
    post({ slot, hasEnded: true });
  });
  return channel;
}

port.on('message', ({ slot, message }: ToThread) => {
  const channel = channelBySlot.get(slot) ?? (message.type === 'start' ? open(slot) : undefined);
  channel?.onMessage(message);
});
