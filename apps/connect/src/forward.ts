import http from 'node:http';
import https from 'node:https';
import type { Forward } from '@millrace/connect-runtime';

/** Calls another worker over HTTP; redirects are not followed. */
export const forwardOverHttp: Forward = (request) =>
  new Promise((resolve, reject) => {
    const { request: open } = request.url.startsWith('https:') ? https : http;
    const call = open(request.url, { method: request.method, headers: { ...request.headers, 'user-agent': 'kafka-connect' }, timeout: request.timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 500, body: Buffer.concat(chunks).toString('utf8') }));
      response.on('error', reject);
    });
    call.on('timeout', () => call.destroy(new Error(`no answer from ${request.url} within ${request.timeoutMs} ms`)));
    call.on('error', reject);
    call.end(request.body);
  });
