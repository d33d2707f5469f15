import { BadRequestException, InternalServerErrorException } from '@nestjs/common';
import { errorMessage } from '@millrace/foundation';
import type { z } from 'zod';
import { parseJsonKeepingNumbers } from './json-text.js';

type Contract = typeof import('@millrace/http-contract');

/**
 * Parses a request's JSON text by a schema of the contract. Connect answers broken JSON and unknown members with 500, and clients know it so.
 * The schemas are loaded with the first body: they are a tenth of the time that a worker takes to start.
 */
export async function jsonBody<Name extends 'configBody' | 'createConnectorBody'>(name: Name, text: unknown): Promise<z.output<Contract[Name]>> {
  const contract: Contract = await import('@millrace/http-contract');
  const parsed = contract[name].safeParse(parseJson(text, parseJsonKeepingNumbers));
  if (parsed.success) return parsed.data as z.output<Contract[Name]>;
  throw new InternalServerErrorException(problemOf(parsed.error));
}

/** The same for paths of our own: plain JSON, and what is wrong with a body is the client's mistake (400). */
export async function plainJsonBody<Name extends 'signalBody' | 'jobBody'>(name: Name, text: unknown): Promise<z.output<Contract[Name]>> {
  const contract: Contract = await import('@millrace/http-contract');
  let json: unknown;
  try {
    json = parseJson(text, JSON.parse);
  } catch (error) {
    throw new BadRequestException(errorMessage(error));
  }
  const parsed = contract[name].safeParse(json);
  if (parsed.success) return parsed.data as z.output<Contract[Name]>;
  throw new BadRequestException(problemOf(parsed.error));
}

function problemOf({ issues: [issue] }: z.ZodError): string {
  return `Cannot read the request body${issue && issue.path.length > 0 ? ` at "${issue.path.join('.')}"` : ''}: ${issue?.message ?? 'unexpected form'}`;
}

function parseJson(text: unknown, parse: (text: string) => unknown): unknown {
  if (typeof text !== 'string' || text.trim() === '') throw new InternalServerErrorException('The request has no body; a JSON object was expected');
  try {
    return parse(text);
  } catch {
    // The parser's own text quotes the body, and a body may hold a password.
    throw new InternalServerErrorException('The request body is not valid JSON');
  }
}
