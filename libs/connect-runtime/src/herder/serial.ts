/** Runs steps one after the other, in the order in which they were asked for. */
export class Serial {
  private last: Promise<unknown> = Promise.resolve();

  readonly run = async <T>(step: () => Promise<T>): Promise<T> => {
    const mine = this.last.then(step, step);
    this.last = mine.catch(() => undefined);
    return await mine;
  };
}
