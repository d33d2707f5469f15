import { type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { errorMessage, type Logger } from '@millrace/foundation';

/** What every engine has. */
export interface Engine {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Ties an engine's life to the application's: started when the application is, stopped before its servers close. */
export class EngineHost implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private startFailure: unknown;
  private started: Promise<void> | undefined;

  constructor(
    private readonly name: string,
    private readonly engine: Engine,
    private readonly logger: Logger,
    /** Where the application must answer (health: starting) while the engine is still on its way. */
    private readonly options: { readonly startsInBackground?: boolean; readonly onStartFailure?: (error: unknown) => void } = {},
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.started = this.engine.start();
    if (!this.options.startsInBackground) return this.started;
    this.started.catch((error: unknown) => {
      this.startFailure = error;
      this.logger.error({ engine: this.name, err: error }, 'the engine did not start');
      this.options.onStartFailure?.(error);
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    if (this.startFailure !== undefined) return;
    try {
      await this.engine.stop();
    } catch (error) {
      this.logger.error({ engine: this.name, reason: errorMessage(error), err: error }, 'the engine did not stop in order');
    }
  }
}
