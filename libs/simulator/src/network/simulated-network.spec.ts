import type { Connection } from '@millrace/foundation';
import { World } from '../world.js';
import type { SimulatedProcess } from '../time/simulated-process.js';

/** A server that answers each byte with the next one, and a client. */
function pair(): { world: World; server: SimulatedProcess; client: SimulatedProcess; connect: () => Promise<Connection>; accepted: Connection[] } {
  const world = new World(5);
  const server = world.process('server', world.wallClock());
  const client = world.process('client', world.wallClock());
  const accepted: Connection[] = [];
  void world.network.transportOf(server, 'server').listen({ host: 'server', port: 1 }, (connection) => {
    accepted.push(connection);
    connection.onData = (chunk) => void connection.write(Uint8Array.from(chunk, (it) => it + 1));
  });
  return { world, server, client, accepted, connect: () => world.network.transportOf(client, 'client').connect({ host: 'server', port: 1 }, { timeoutMs: 5000 }) };
}

describe('SimulatedNetwork', () => {
  it('brings bytes in order, through a cut of the link as well', async () => {
    const { world, connect } = pair();
    const got: number[] = [];
    world.loop.schedule(10, 'go', () => {
      void connect().then((connection) => {
        connection.onData = (chunk) => got.push(...chunk);
        for (let i = 0; i < 50; i++) world.loop.schedule(i, 'write', () => connection.write(Uint8Array.of(i)));
      });
    });
    world.loop.schedule(30, 'cut', () => world.network.cut('client', 'server'));
    await world.loop.run(2000);
    expect(got.length).toBeLessThan(40);
    world.network.heal('client', 'server');
    await world.loop.run(4000);
    expect(got).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  it('tells the peer of a killed process; of one whose machine lost power it hears once it writes again', async () => {
    for (const isTold of [true, false]) {
      const { world, server, connect } = pair();
      const closed: number[] = [];
      let held: Connection | undefined;
      world.loop.schedule(10, 'go', () => {
        void connect().then((connection) => {
          held = connection;
          connection.onClose = () => closed.push(world.loop.nowMs);
        });
      });
      await world.loop.run(100);
      server.die();
      if (isTold) world.network.processEnded(server);
      else world.network.powerLost('server', server);
      await world.loop.run(1000);
      expect(closed.length).toBe(isTold ? 1 : 0);
      if (isTold) continue;
      held?.write(Uint8Array.of(1));
      await world.loop.run(2000);
      expect(closed).toEqual([]);
      world.network.powerOn('server');
      held?.write(Uint8Array.of(2));
      await world.loop.run(3000);
      expect(closed.length).toBe(1);
    }
  });

  it('lets a connection time out that nothing answers, and refuses one where nobody listens', async () => {
    const { world, client, connect } = pair();
    const failures: string[] = [];
    world.network.cut('server', 'client');
    world.loop.schedule(10, 'go', () => void connect().catch((error: Error) => failures.push(error.message)));
    await world.loop.run(6000);
    expect(failures).toEqual(['cannot connect to server:1: no answer within 5000 ms']);
    world.network.heal('server', 'client');
    world.loop.schedule(0, 'go', () => void world.network.transportOf(client, 'client').connect({ host: 'server', port: 2 }, { timeoutMs: 5000 }).catch((error: Error) => failures.push(error.message)));
    await world.loop.run(12_000);
    expect(failures[1]).toBe('cannot connect to server:2: connection refused');
  });
});
