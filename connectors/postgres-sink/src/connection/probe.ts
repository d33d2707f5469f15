import type { ConfigValue } from '@millrace/connect-api';
import { ConfigError } from '@millrace/connect-api';
import type { ConnectionSettings } from '../config/sink-settings.js';
import { errorCode } from './error-code.js';
import { Session } from './session.js';

/** Connects once; what went wrong is added to the errors of the setting at fault. No secret is in the message: the server's own text never has the password. */
export async function probeConnection(settings: ConnectionSettings, values: readonly ConfigValue[]): Promise<void> {
  try {
    const session = await Session.open(settings);
    await session.close();
  } catch (error) {
    const { key, message } = explain(error, settings);
    values.find((it) => it.name === key)?.errors.push(message);
  }
}

function explain(error: unknown, { url, user, timeZone }: ConnectionSettings): { key: string; message: string } {
  if (error instanceof ConfigError) return { key: error.key ?? 'connection.url', message: error.message };
  const hosts = url.hosts.map((it) => `${it.host}:${it.port}`).join(', ');
  switch (errorCode(error)) {
    case '28P01':
      return { key: 'connection.password', message: `The server at ${hosts} refused the password of user ${user}` };
    case '28000':
      return { key: 'connection.username', message: `The server at ${hosts} does not let user ${user} in: ${text(error)}` };
    case '3D000':
      return { key: 'connection.url', message: `The server at ${hosts} has no database ${url.database ?? user}` };
    case '42501':
      return { key: 'connection.username', message: `User ${user} may not connect: ${text(error)}` };
    case '22023':
      return { key: 'use.time.zone', message: `The server does not know the time zone ${timeZone}` };
    default:
      return { key: 'connection.url', message: `Cannot connect to ${hosts}: ${text(error)}` };
  }
}

function text(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return text(error.errors[0]);
  return error instanceof Error && error.message !== '' ? error.message : (errorCode(error) ?? 'unknown error');
}
