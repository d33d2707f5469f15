/** How starts of connectors or tasks ended on this worker since it started. A start that is under way is an attempt only. */
export class StartupTotals {
  attempts = 0;
  successes = 0;
  failures = 0;

  /** The returned call tells how it ended; later calls of it count no more. */
  begin(): (isSuccess: boolean) => void {
    this.attempts += 1;
    let isOver = false;
    return (isSuccess) => {
      if (isOver) return;
      isOver = true;
      if (isSuccess) this.successes += 1;
      else this.failures += 1;
    };
  }
}
