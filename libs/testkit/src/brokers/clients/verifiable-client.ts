import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { spawnPeerTool } from '../../peers/peer-tools.js';
import { REQUEST_TIMEOUT_MS, type ChaosClient, type ChaosClientOptions } from './chaos-client.js';
import { eachLine, ended } from './child-lines.js';

const CLIENT = 'java';

interface ToolEvent {
  readonly name: string;
  readonly value?: string;
  readonly partition?: number;
  readonly offset?: number;
  readonly exception?: string;
}

/** Apache Kafka's kafka-verifiable-producer, over all partitions. */
export class VerifiableClient implements ChaosClient {
  private isStopping = false;
  private child: ChildProcess | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly options: ChaosClientOptions) {}

  start(): Promise<void> {
    this.running = this.produce();
    return Promise.resolve();
  }

  async stop(timeoutMs: number): Promise<void> {
    this.isStopping = true;
    if (this.child) {
      this.child.kill('SIGTERM');
      await ended(this.child, timeoutMs);
    }
    await this.running;
  }

  private async produce(): Promise<void> {
    const { bootstrap, topic, recordsPerSecond, folder, journal: all } = this.options;
    const config = path.join(folder, 'verifiable.properties');
    // The tool itself asks for no retries, which an idempotent producer refuses.
    fs.writeFileSync(config, `enable.idempotence=true\nretries=2147483647\nlinger.ms=5\nrequest.timeout.ms=${REQUEST_TIMEOUT_MS}\ndelivery.timeout.ms=300000\n`);
    while (!this.isStopping) {
      const journal = all.producer(CLIENT);
      const args = ['--bootstrap-server', bootstrap, '--topic', topic, '--throughput', String(recordsPerSecond), '--acks', '-1', '--value-prefix', String(journal.id), '--command-config', config];
      const child = spawnPeerTool('kafka-verifiable-producer', args, { heap: ['-Xmx128m'], stdio: ['ignore', 'pipe', 'pipe'] });
      this.child = child;
      eachLine(child.stdout!, (line) => {
        const event = line.startsWith('{') ? (JSON.parse(line) as ToolEvent) : undefined;
        if (event?.name === 'producer_send_success') journal.acknowledge(Number(event.value?.split('.')[1]), event.partition ?? -1, event.offset ?? -1);
        else if (event?.name === 'producer_send_error') all.surfaces(CLIENT, event.exception ?? line);
      });
      eachLine(child.stderr!, (line) => {
        const error = /Error: ([A-Z_]+)/.exec(line)?.[1] ?? / (?:WARN|ERROR) +(\w+ - .*)$/.exec(line)?.[1] ?? /^Exception in thread .*$/.exec(line)?.[0];
        if (error !== undefined) all.sees(CLIENT, error.replace(/\[[^\]]*\] ?/g, '').replace(/\d+/g, 'n').slice(0, 90));
      });
      await new Promise<void>((resolve) => child.once('close', () => resolve()));
      journal.end();
      if (!this.isStopping) {
        all.surfaces(CLIENT, `ended with ${child.exitCode ?? child.signalCode}`);
        await delay(500);
      }
    }
  }
}
