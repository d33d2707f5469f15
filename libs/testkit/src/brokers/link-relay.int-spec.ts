import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import { eachLine } from './clients/child-lines.js';
import { LinkRelay, OUTSIDE } from './link-relay.js';

/** A process that sends its lines to a port, and prints what comes back. */
const CALLER = `
  const socket = require('node:net').connect(Number(process.argv[1]), '127.0.0.1');
  process.stdin.pipe(socket, { end: false });
  socket.pipe(process.stdout);
  socket.on('error', () => undefined).on('close', () => console.log('closed'));
  process.stdin.resume();
`;

const hasProc = fs.existsSync('/proc/net/tcp');

describe('links through a relay', () => {
  let relay: LinkRelay;
  let echo: net.Server;
  let door: number;
  const heard: string[] = [];
  const callers: ChildProcess[] = [];

  beforeEach(async () => {
    heard.length = 0;
    echo = net.createServer((socket) => {
      socket.on('error', () => undefined);
      eachLine(socket, (line) => {
        heard.push(line);
        socket.write(`${line}!\n`);
      });
    });
    await once(echo.listen(0, '127.0.0.1'), 'listening');
    relay = new LinkRelay();
    door = await relay.open('server', (echo.address() as net.AddressInfo).port);
  });

  afterEach(async () => {
    for (const it of callers.splice(0)) it.kill('SIGKILL');
    await relay.close();
    await new Promise((resolve) => echo.close(resolve));
  });

  function call(name?: string): { say: (line: string) => void; next: () => Promise<string> } {
    const child = spawn(process.execPath, ['-e', CALLER, String(door)], { stdio: ['pipe', 'pipe', 'inherit'] });
    callers.push(child);
    if (name !== undefined) relay.identify(child.pid ?? 0, name);
    const [lines, waiting]: [string[], ((line: string) => void)[]] = [[], []];
    eachLine(child.stdout, (line) => {
      const resolve = waiting.shift();
      if (resolve) resolve(line);
      else lines.push(line);
    });
    return {
      say: (line) => void child.stdin.write(`${line}\n`),
      next: () => {
        const line = lines.shift();
        return line === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(line);
      },
    };
  }

  async function answered(caller: ReturnType<typeof call>, line: string): Promise<void> {
    caller.say(line);
    expect(await caller.next()).toBe(`${line}!`);
  }

  (hasProc ? it : it.skip)('holds up what one process says and lets another one pass; what was held up comes late', async () => {
    const [one, other] = [call('one'), call('other')];
    await answered(one, 'a');
    await answered(other, 'b');
    relay.cut([['one', 'server']]);
    one.say('late');
    await answered(other, 'c');
    expect(heard).toEqual(['a', 'b', 'c']);
    relay.heal('resume');
    expect(await one.next()).toBe('late!');
  });

  (hasProc ? it : it.skip)('cuts one direction alone, and resets what was concerned', async () => {
    const [one, other] = [call('one'), call('other')];
    await answered(one, 'a');
    await answered(other, 'b');
    relay.cut([['server', 'one']]);
    one.say('heard, not answered');
    await answered(other, 'c');
    while (!heard.includes('heard, not answered')) await answered(other, 'more');
    relay.heal('reset');
    expect(await one.next()).toBe('closed');
    await answered(other, 'd');
  });

  it('leads new connections nowhere while cut, whoever calls; they go on when it is healed', async () => {
    relay.cut([[OUTSIDE, 'server']]);
    const caller = call();
    caller.say('x');
    const inner = net.connect((echo.address() as net.AddressInfo).port, '127.0.0.1');
    inner.write('direct\n');
    await once(inner, 'data');
    inner.destroy();
    expect(heard).toEqual(['direct']);
    relay.heal('resume');
    expect(await caller.next()).toBe('x!');
  });
});
