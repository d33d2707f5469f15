import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** The service that the tests read: two feeds with numbered entries. */
export class FeedService {
  private readonly feeds = new Map<string, { id: number; text: string }[]>();
  private isDown = false;
  private readonly server = http.createServer((request, response) => {
    if (this.isDown) return void request.socket.destroy();
    const url = new URL(request.url ?? '/', 'http://localhost');
    const after = Number(url.searchParams.get('after'));
    const entries = (this.feeds.get(url.pathname.slice(1)) ?? []).filter((it) => it.id > after).slice(0, Number(url.searchParams.get('limit')));
    response.end(JSON.stringify(entries));
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  add(feed: string, id: number): void {
    const entries = this.feeds.get(feed) ?? [];
    this.feeds.set(feed, entries);
    entries.push({ id, text: `entry ${id}` });
  }

  fail(isDown: boolean): void {
    this.isDown = isDown;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}
