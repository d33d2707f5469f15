/** Lets one step run at a time: who comes second waits, in whatever order. */
export class OneAtATime {
  private busy: Promise<void> | undefined;

  /** Rejects with what the step rejects with; those that wait go on all the same. */
  async run(step: () => Promise<void>): Promise<void> {
    while (this.busy) await this.busy.catch(() => undefined);
    const mine = step();
    this.busy = mine;
    try {
      await mine;
    } finally {
      if (this.busy === mine) this.busy = undefined;
    }
  }
}
