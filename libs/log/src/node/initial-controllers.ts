import { isUuid, OperationalError, ZERO_UUID, type BrokerId, type Uuid } from '@millrace/foundation';

export interface InitialController {
  readonly id: BrokerId;
  readonly host: string;
  readonly port: number;
  readonly directoryId: Uuid;
}

/** `id@host:port:directory-id`, several by comma, as Kafka's tools take them. Throws `INVALID_CONFIG`. */
export function parseInitialControllers(text: string): InitialController[] {
  const found = text.split(',').map(parse);
  if (new Set(found.map((it) => it.id)).size < found.length) throw invalid(text, 'each controller has an id of its own');
  if (new Set(found.map((it) => it.directoryId)).size < found.length) throw invalid(text, 'each controller has a directory of its own');
  return found;
}

function parse(text: string): InitialController {
  const match = /^(\d{1,10})@(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5}):([A-Za-z0-9_-]{22})$/.exec(text.trim());
  const [, id, bracketed, plain, port, directoryId] = match ?? [];
  if (id === undefined || directoryId === undefined || Number(port) > 65535) throw invalid(text, 'expected id@host:port:directory-id');
  if (!isUuid(directoryId) || directoryId === ZERO_UUID) throw invalid(text, `${directoryId} is no id of a directory`);
  return { id: Number(id), host: bracketed ?? plain ?? '', port: Number(port), directoryId };
}

function invalid(text: string, why: string): OperationalError {
  return new OperationalError('INVALID_CONFIG', `initial controllers ${text}: ${why}`);
}
