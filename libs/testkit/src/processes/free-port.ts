import net from 'node:net';

/** A port that was free a moment ago; `span` of them in a row. */
export async function freePort(span = 1): Promise<number> {
  for (;;) {
    const first = await probe(0);
    const rest = await Promise.all(Array.from({ length: span - 1 }, (_, i) => probe(first + 1 + i).catch(() => -1)));
    if (!rest.includes(-1)) return first;
  }
}

async function probe(port: number): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  const bound = (server.address() as net.AddressInfo).port;
  await new Promise((resolve) => server.close(resolve));
  return bound;
}
