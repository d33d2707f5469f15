import fs from 'node:fs';
import path from 'node:path';
import { ByteReader, MalformedBytes } from '@millrace/foundation';
import { decodeRequestHeader, decodeResponse, type AnyApi } from '@millrace/protocol';
import { repositoryRoot } from './peer-cache.js';

/** What three nodes of Apache Kafka 4.3.1 said to each other: `npm run devtools -- peers record-quorum` wrote it. */
const RECORDED = 'libs/testkit/fixtures/kafka-4.3.1-quorum.txt';

/** One request and its answer as they were on the wire, without their lengths. Times are milliseconds since the first request. */
export interface RecordedExchange {
  /** Its line in the transcript, from 1. */
  readonly line: number;
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
  readonly clientId: string;
  readonly toNode: number;
  readonly listener: 'broker' | 'controller';
  readonly request: Uint8Array;
  readonly answer: Uint8Array;
}

export interface DecodedExchange {
  readonly api: AnyApi;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly request: unknown;
  readonly answer: unknown;
}

/** In the order in which they were asked. */
export function quorumTranscript(): RecordedExchange[] {
  const text = fs.readFileSync(path.join(repositoryRoot(), RECORDED), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((it, i) => {
      const [askedAtMs = '', answeredAtMs = '', clientId = '', to = '', listener, request = '', answer = ''] = it.split(' ');
      return {
        line: i + 1,
        askedAtMs: Number(askedAtMs),
        answeredAtMs: Number(answeredAtMs),
        clientId,
        toNode: Number(to),
        listener: listener === 'broker' ? 'broker' : 'controller',
        request: Buffer.from(request, 'base64'),
        answer: Buffer.from(answer, 'base64'),
      };
    });
}

/** Throws when bytes are left over, or when no schema has the request. */
export function decodeExchange({ request, answer }: Pick<RecordedExchange, 'request' | 'answer'>): DecodedExchange {
  const reader = new ByteReader(request);
  const { api, apiVersion, correlationId, clientId, isSupported } = decodeRequestHeader(reader);
  if (api === undefined || !isSupported) throw new MalformedBytes(`a request of key ${request[1]} in version ${apiVersion}`);
  const body = api.request.decode(reader, apiVersion);
  if (reader.remaining > 0) throw new MalformedBytes(`${reader.remaining} bytes behind the request of ${api.name} ${apiVersion}`);
  return { api, apiVersion, correlationId, clientId, request: body, answer: decodeResponse(api, apiVersion, answer).body };
}
