/** Holds a loop while it is paused. */
export class PauseGate {
  private waiting: (() => void)[] = [];

  constructor(private paused: boolean) {}

  get isPaused(): boolean {
    return this.paused;
  }

  pause(): void {
    this.paused = true;
  }

  /** Lets waiters go on; `isPaused` says whether to wait again. */
  resume(): void {
    this.paused = false;
    this.wake();
  }

  wake(): void {
    for (const go of this.waiting.splice(0)) go();
  }

  /** Resolves at the next `resume` or `wake`. */
  async changed(): Promise<void> {
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}
