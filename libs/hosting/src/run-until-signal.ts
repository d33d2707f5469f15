import type { Logger } from '@millrace/foundation';

export interface Closable {
  close(): Promise<void>;
}

const SIGNAL_NUMBERS: Readonly<Partial<Record<NodeJS.Signals, number>>> = { SIGINT: 2, SIGTERM: 15 };

/**
 * Closes the application at the first SIGINT or SIGTERM and ends the process with 128 + the signal's number; at the second signal, or
 * after `deadlineMs`, it ends at once.
 */
export function closeOnSignal(application: Closable, options: { readonly logger: Logger; readonly deadlineMs: number }): void {
  let isClosing = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      const status = 128 + (SIGNAL_NUMBERS[signal] ?? 0);
      if (isClosing) process.exit(status);
      isClosing = true;
      options.logger.info({ signal }, 'stopping');
      setTimeout(() => {
        options.logger.error({ deadlineMs: options.deadlineMs }, 'not stopped in time, ending at once');
        process.exit(status);
      }, options.deadlineMs).unref();
      application.close().then(
        () => process.exit(status),
        (error: unknown) => {
          options.logger.error({ error }, 'did not stop in order');
          process.exit(1);
        },
      );
    });
  }
}

/** For `main`: an application that cannot start says why in one line and ends with 1 (2 for a wrong setting). */
export function exitWithReason(error: unknown): never {
  const { code, message } = error as { code?: unknown; message?: string };
  process.stderr.write(`${message ?? String(error)}\n`);
  if (typeof code !== 'string' && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
  process.exit(typeof code === 'string' && code.includes('CONFIG') ? 2 : 1);
}
