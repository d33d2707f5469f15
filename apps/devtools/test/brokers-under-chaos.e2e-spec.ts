import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BROKER_FAULTS, producersUnderChaos } from '@millrace/testkit';

const hasKcat = spawnSync('kcat', ['-V']).status === 0;

/** The short version of `npm run soak -- brokers`. */
it('keeps each acknowledged record, once and in order, while brokers are killed, frozen, restarted and cut off', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-brokers-'));
  const seed = Date.now() % 100_000;
  const lines = [`seed ${seed}`];
  try {
    const { problems, acknowledged, events } = await producersUnderChaos({
      folder, seed, side: 'millrace', heap: [], clients: hasKcat ? ['kafkajs', 'kcat'] : ['kafkajs'], recordsPerSecond: 150, faults: BROKER_FAULTS, durationMs: Infinity, events: BROKER_FAULTS.length, faultMsMax: 5000, calmMs: 1000,
      settings: { 'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '500', 'replica.lag.time.max.ms': '3000' }, say: (line) => lines.push(line),
    });
    expect({ problems, lines, events: events.map((it) => it.fault).sort() }).toEqual({ problems: [], lines: expect.anything(), events: [...BROKER_FAULTS].sort() });
    expect(acknowledged).toBeGreaterThan(500);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}, 240_000);
