import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** One request of a conversation. */
export interface RestStep {
  /** Unique; a recorded answer is found by it. */
  readonly name: string;
  readonly method: string;
  /** Sent as it is, neither normalised nor encoded. */
  readonly path: string;
  /** Text goes out as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Asked again until it is so: what comes before is not recorded. */
  readonly until?: (body: unknown) => boolean;
}

export interface RestAnswer {
  readonly status: number;
  readonly location?: string;
  /** Parsed and normalised JSON; other text as it is, none for an empty body. */
  readonly body?: unknown;
}

const SETTLES_WITHIN_MS = 30_000;

/** Sends the steps in order and returns what a client would see, without what differs from run to run. */
export async function converse(url: string, steps: readonly RestStep[]): Promise<Map<string, RestAnswer>> {
  const answers = new Map<string, RestAnswer>();
  for (const step of steps) answers.set(step.name, normalised(await answerTo(url, step), url));
  return answers;
}

interface RawAnswer {
  readonly status: number;
  readonly location: string | undefined;
  readonly text: string;
}

async function answerTo(url: string, step: RestStep): Promise<RawAnswer> {
  const end = performance.now() + SETTLES_WITHIN_MS;
  for (;;) {
    const answer = await request(url, step);
    if (!step.until || step.until(parsed(answer.text))) return answer;
    if (performance.now() > end) throw new Error(`"${step.name}" was not so within ${SETTLES_WITHIN_MS} ms; last: ${answer.status} ${answer.text}`);
    await delay(50);
  }
}

/** An HTTP request with its path untouched. */
export function request(url: string, { method, path, body, headers }: Pick<RestStep, 'method' | 'path' | 'body' | 'headers'>): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const all = { ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }), ...headers };
    // An empty header is one that is not sent.
    const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
    const call = http.request({ hostname, port, method, path, agent: false, headers: sent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, location: response.headers.location, text: Buffer.concat(chunks).toString('utf8') }));
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end(text);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function normalised(answer: RawAnswer, url: string): RestAnswer {
  const worker = new URL(url).host;
  const text = answer.text.replaceAll(worker, '<worker>').replace(/^<html>.*$/s, '<html>').replace(/available connectors are: .*?(?="})/, 'available connectors are: <plugins>');
  return {
    status: answer.status,
    ...(answer.location === undefined ? {} : { location: answer.location.replace(worker, '<worker>') }),
    ...(text === '' ? {} : { body: withoutAccidents(parsed(text)) }),
  };
}

const ACCIDENTAL: Readonly<Record<string, string>> = { commit: '<commit>', kafka_cluster_id: '<cluster>', last_modified: '<ms>', documentation: '<text>', version: '<version>' };

/** Members keep their order, except those of a connector's config: Java's have the order of a hash table. */
function withoutAccidents(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutAccidents);
  if (typeof value !== 'object' || value === null) return value;
  if ('connector.class' in value) return sorted(value as Record<string, unknown>);
  return Object.fromEntries(
    Object.entries(value).map(([name, it]) => {
      if (typeof it !== 'object' && it !== null && name in ACCIDENTAL) return [name, ACCIDENTAL[name]];
      return [name, withoutAccidents(it)];
    }),
  );
}

function sorted(map: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}
