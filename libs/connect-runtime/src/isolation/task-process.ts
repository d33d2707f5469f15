import type { Channel, HostMessage, TaskMessage } from './task-protocol.js';
import { TaskSide } from './task-side.js';

const channel: Channel<TaskMessage, HostMessage> = {
  send: (message) => {
    if (process.connected) process.send?.(message);
  },
  onMessage: () => undefined,
};
process.on('message', (message) => channel.onMessage(message as HostMessage));
// The worker that this task belongs to is gone: another one will run it.
process.on('disconnect', () => process.exit(1));
// The worker stops its tasks itself; a Ctrl-C reaches the whole process group.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
new TaskSide(channel, () => {
  const farewell: TaskMessage = { type: 'log', level: 'debug', fields: {}, message: 'the task process ends' };
  if (process.connected) process.send?.(farewell, undefined, undefined, () => process.exit(0));
});
