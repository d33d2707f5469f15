import type { Socket } from 'node:net';
import { commandName, failure, runCommand, type Login, type Server } from '../commands/dispatch.js';
import { readRequest, writeReply, type Request } from './message.js';

/** One client's connection: requests are answered in order. */
export class Connection {
  private readonly chunks: Buffer[] = [];
  private size = 0;
  private readonly ended = new AbortController();
  private readonly login: Login = { conversation: undefined, isLoggedIn: false };
  private work = Promise.resolve();
  private nextId = 1;

  constructor(
    private readonly socket: Socket,
    private readonly server: Server,
    private readonly delayMs: () => number,
  ) {
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.take(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => this.ended.abort());
  }

  close(): void {
    this.ended.abort();
    this.socket.destroy();
  }

  private take(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.size += chunk.length;
    if (this.size < 4) return;
    if (this.chunks[0]!.length < 4) this.chunks.splice(0, this.chunks.length, Buffer.concat(this.chunks));
    while (this.size >= 4 && this.size >= this.chunks[0]!.readInt32LE(0)) {
      const all = this.chunks.length === 1 ? this.chunks[0]! : Buffer.concat(this.chunks);
      const length = all.readInt32LE(0);
      this.chunks.length = 0;
      const rest = all.subarray(length);
      if (rest.length > 0) this.chunks.push(rest);
      this.size = rest.length;
      // The bytes belong to the store from here on: values point into them.
      const message = all.subarray(0, length);
      this.work = this.work.then(() => this.answer(message)).catch(() => this.close());
    }
  }

  private async answer(message: Buffer): Promise<void> {
    if (this.ended.signal.aborted) return;
    const request = readRequest(message);
    const strike = this.server.faults.strike(commandName(request.command));
    await pause(this.delayMs() + (strike?.delayMs ?? 0), this.ended.signal);
    if (strike?.closesConnection) return this.close();
    const { error } = strike ?? {};
    this.send(request, error ? failure(this.server, error) : await runCommand(this.server, this.login, request.database, request.command, this.ended.signal));
  }

  private send(request: Request, reply: Buffer): void {
    if (request.isUnanswered || this.ended.signal.aborted) return;
    this.socket.write(writeReply(request, this.nextId++, reply));
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms === 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
