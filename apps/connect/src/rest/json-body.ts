import { InternalServerErrorException } from '@nestjs/common';
import type { z } from 'zod';
import { parseJsonKeepingNumbers } from './json-text.js';

/** Parses a request's JSON text by a schema. Connect answers broken JSON and unknown members with 500, and clients know it so. */
export function jsonBody<S extends z.ZodType>(schema: S, text: unknown): z.output<S> {
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
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
