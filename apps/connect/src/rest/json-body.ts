import { InternalServerErrorException } from '@nestjs/common';
import type { z } from 'zod';
import { parseJsonKeepingNumbers } from './json-text.js';

type Contract = typeof import('@millrace/http-contract');

/**
 * Parses a request's JSON text by a schema of the contract. Connect answers broken JSON and unknown members with 500, and clients know it so.
 * The schemas are loaded with the first body: they are a tenth of the time that a worker takes to start.
 */
export async function jsonBody<Name extends 'configBody' | 'createConnectorBody'>(name: Name, text: unknown): Promise<z.output<Contract[Name]>> {
  const contract: Contract = await import('@millrace/http-contract');
  const parsed = contract[name].safeParse(parseJson(text));
  if (parsed.success) return parsed.data as z.output<Contract[Name]>;
  const [issue] = parsed.error.issues;
  throw new InternalServerErrorException(`Cannot read the request body${issue && issue.path.length > 0 ? ` at "${issue.path.join('.')}"` : ''}: ${issue?.message ?? 'unexpected form'}`);
}

function parseJson(text: unknown): unknown {
  if (typeof text !== 'string' || text.trim() === '') throw new InternalServerErrorException('The request has no body; a JSON object was expected');
  try {
    return parseJsonKeepingNumbers(text);
  } catch {
    // The parser's own text quotes the body, and a body may hold a password.
    throw new InternalServerErrorException('The request body is not valid JSON');
  }
}
