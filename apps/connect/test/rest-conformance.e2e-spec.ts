import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { peersMissing } from '@millrace/testkit';
import { converse, type RestAnswer, type RestStep } from './rest-conversation.js';
import { comparable } from './rest-deviations.js';
import { BAD_BODY_STEPS, EMPTY_STEPS, LIFE_STEPS, LOGGER_STEPS, PLUGIN_STEPS, ROOT_STEPS, VERSION_STEPS } from './rest-steps.js';
import { startKafkaConnect, startMillrace, type WorkerUnderTest } from './workers.js';

const GOLDEN = path.join(__dirname, 'golden/rest-answers.json');
const TOPICS = { 'the worker': ROOT_STEPS, 'what is not there': EMPTY_STEPS, 'bad bodies': BAD_BODY_STEPS, plugins: PLUGIN_STEPS, 'versions of plugins': VERSION_STEPS, 'the life of a connector': LIFE_STEPS, loggers: LOGGER_STEPS };
const STEPS: readonly RestStep[] = Object.values(TOPICS).flat();

async function answersOf(start: (folder: string) => Promise<WorkerUnderTest>): Promise<Map<string, RestAnswer>> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-rest-'));
  const worker = await start(folder);
  try {
    return await converse(worker.url, STEPS);
  } finally {
    await worker.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Kafka Connect's answers, as recorded from a real worker: UPDATE=1 records them anew. */
function golden(): Map<string, RestAnswer> {
  return new Map(Object.entries(JSON.parse(fs.readFileSync(GOLDEN, 'utf8')) as Record<string, RestAnswer>));
}

/** As text: the order of members counts. */
function text(answer: RestAnswer | undefined): string {
  return JSON.stringify(answer, undefined, 1);
}

describe('Apache Kafka Connect', () => {
  const missing = peersMissing();
  (missing === undefined ? it : it.skip)(
    `answers as recorded${missing === undefined ? '' : ` (skipped: ${missing})`}`,
    async () => {
      const answers = await answersOf(startKafkaConnect);
      if (process.env.UPDATE !== undefined) fs.writeFileSync(GOLDEN, `${JSON.stringify(Object.fromEntries(answers), undefined, 1)}\n`);
      const recorded = golden();
      expect([...answers.keys()]).toEqual([...recorded.keys()]);
      for (const [name, answer] of answers) expect(`${name}: ${text(answer)}`).toBe(`${name}: ${text(recorded.get(name))}`);
    },
    240_000,
  );
});

describe('our worker answers as Kafka Connect does', () => {
  let answers: Map<string, RestAnswer>;
  const recorded = golden();

  beforeAll(async () => {
    answers = await answersOf((folder) => startMillrace(folder));
  }, 120_000);

  describe.each(Object.entries(TOPICS))('%s', (_, steps) => {
    it.each(steps.map((it) => [it.name, it] as const))('%s', (name) => {
      const theirs = recorded.get(name);
      const ours = answers.get(name);
      if (!theirs || !ours) throw new Error(`nothing is recorded for "${name}"`);
      const { expected, actual } = comparable(name, theirs, ours);
      expect(text(actual)).toBe(text(expected));
    });
  });
});
