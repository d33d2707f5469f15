import { BSON, type Document } from 'mongodb';

/** The stages of `cursor.pipeline`. Throws Error with what is wrong. */
export function readUserPipeline(text: string | null): Document[] {
  if (text === null || text.trim() === '') return [];
  const parsed: unknown = BSON.EJSON.parse(text, { relaxed: false });
  if (!Array.isArray(parsed) || parsed.some((it) => typeof it !== 'object' || it === null)) throw new Error('an array of stages is expected');
  return parsed as Document[];
}

/** For ConfigDef checks: what is wrong with a pipeline, or nothing. */
export function pipelineProblem(text: string): string | undefined {
  try {
    readUserPipeline(text);
    return undefined;
  } catch (error) {
    return `Change stream pipeline JSON is invalid: ${error instanceof Error ? error.message : String(error)}`;
  }
}
