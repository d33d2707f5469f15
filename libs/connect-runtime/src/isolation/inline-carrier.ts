import type { TaskCarrier } from './task-carrier.js';
import type { Channel, HostMessage, TaskMessage } from './task-protocol.js';
import { TaskSide } from './task-side.js';

/** The worker's own thread: for tests and debuggers. Nothing can be ended by force here. */
export function startInlineCarrier(): TaskCarrier {
  const carrier: TaskCarrier = {
    send: (message) => queueMicrotask(() => inner.onMessage(message)),
    onMessage: () => undefined,
    onExit: () => undefined,
    onDisplaced: () => undefined,
    terminate: () => Promise.resolve(),
  };
  const inner: Channel<TaskMessage, HostMessage> = {
    send: (message) => queueMicrotask(() => carrier.onMessage(message)),
    onMessage: () => undefined,
  };
  new TaskSide(inner, () => queueMicrotask(() => carrier.onExit(undefined)));
  return carrier;
}
