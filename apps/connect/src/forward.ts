import http from 'node:http';
import https from 'node:https';
import type { Forward } from '@millrace/connect-runtime';
import type { ClientTls } from './rest-tls.js';

/** Calls other workers; redirects are not followed. The settings for https are asked for with the first request that needs them, and may throw. */
export function forwardOverHttp(tls: () => ClientTls): Forward {
  let agent: https.Agent | undefined;
  return (request) =>
    new Promise((resolve, reject) => {
      const isSecure = request.url.startsWith('https:');
      if (isSecure) agent ??= new https.Agent(tls());
      const { request: open } = isSecure ? https : http;
      const call = open(request.url, { method: request.method, headers: { ...request.headers, 'user-agent': 'kafka-connect' }, timeout: request.timeoutMs, agent: isSecure ? agent : undefined }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 500, body: Buffer.concat(chunks).toString('utf8') }));
        response.on('error', reject);
      });
      call.on('timeout', () => call.destroy(new Error(`no answer from ${request.url} within ${request.timeoutMs} ms`)));
      call.on('error', reject);
      call.end(request.body);
    });
}
