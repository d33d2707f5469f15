import { type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from '@millrace/foundation';

/** What every engine has. */
export interface Engine {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Ties an engine's life to the application's: stopped before its servers close, and started either with the application or, by
 * `startInBackground`, once the application listens (so that it can already say "starting").
 */
export class EngineHost implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private isRunning = false;

  constructor(
    private readonly name: string,
    private readonly engine: Engine,
    private readonly logger: Logger,
    private readonly options: { readonly startsWithApplication: boolean },
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (this.options.startsWithApplication) await this.start();
  }

  startInBackground(onFailure: (error: unknown) => void): void {
    this.start().catch((error: unknown) => {
      this.isRunning = false;
      this.logger.error({ engine: this.name, error }, 'the engine did not start');
      onFailure(error);
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    if (!this.isRunning) return;
    this.isRunning = false;
    try {
      await this.engine.stop();
    } catch (error) {
      this.logger.error({ engine: this.name, error }, 'the engine did not stop in order');
    }
  }

  private async start(): Promise<void> {
    this.isRunning = true;
    await this.engine.start();
  }
}
