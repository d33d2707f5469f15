/** What one consumer group reads and commits, held against itself: nothing below an acknowledged commit is read again, and nothing is passed over. */
export class GroupProgress {
  private readonly next = new Map<number, number>();
  private readonly committed = new Map<number, number>();
  readonly values = new Set<string>();
  records = 0;
  repeats = 0;
  readonly problems: string[] = [];

  constructor(readonly name: string) {}

  read(partition: number, offset: number, value: string): void {
    const next = this.next.get(partition) ?? 0;
    const committed = this.committed.get(partition) ?? 0;
    if (offset < committed) this.problem(`partition ${partition}: ${offset} read again, ${committed} was committed`);
    if (offset > next) this.problem(`partition ${partition}: ${offset} read where ${next} was to come`);
    if (offset < next) this.repeats += 1;
    this.records += 1;
    this.next.set(partition, Math.max(next, offset + 1));
    this.values.add(value);
  }

  /** The group's coordinator has acknowledged it. */
  wasCommitted(partition: number, offset: number): void {
    this.committed.set(partition, Math.max(this.committed.get(partition) ?? 0, offset));
  }

  /** Where a partition's next record is due. */
  positions(): ReadonlyMap<number, number> {
    return this.next;
  }

  private problem(text: string): void {
    if (this.problems.length < 20) this.problems.push(`group ${this.name}, ${text}`);
  }
}
