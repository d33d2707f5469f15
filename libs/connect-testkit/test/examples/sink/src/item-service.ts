import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** The service that the tests write to: items by key. It refuses items whose text is `bad`. */
export class ItemService {
  readonly items = new Map<string, string>();
  private isDown = false;
  private readonly server = http.createServer((request, response) => {
    const key = (request.url ?? '/').slice(1);
    const chunks: Buffer[] = [];
    request.on('data', (it: Buffer) => chunks.push(it));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      if (this.isDown) return void request.socket.destroy();
      if (body.includes('"text":"bad"')) response.statusCode = 422;
      else if (request.method === 'DELETE') this.items.delete(key);
      else this.items.set(key, body);
      response.end();
    });
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  fail(isDown: boolean): void {
    this.isDown = isDown;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}
