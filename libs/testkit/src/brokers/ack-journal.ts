/** The shortest pause between two acknowledgements that is remembered. */
const GAP_MS_MIN = 100;

export interface AckGap {
  readonly fromMs: number;
  readonly toMs: number;
}

/** One producer: a session of a client with ids of its own. Its records are `<id>.<sequence>`, sequences from 0 in the order in which they were handed to the client. */
export class ProducerJournal {
  /** Of each acknowledged record, in the order in which the client told. */
  readonly sequences: number[] = [];
  readonly partitions: number[] = [];
  /** -1 where the client does not say. */
  readonly offsets: number[] = [];
  readonly gaps: AckGap[] = [];
  private lastAckMs = Date.now();

  constructor(
    readonly id: number,
    /** What it is an instance of: kafkajs, kcat, java. */
    readonly client: string,
  ) {}

  acknowledge(sequence: number, partition: number, offset: number): void {
    this.sequences.push(sequence);
    this.partitions.push(partition);
    this.offsets.push(offset);
    this.end();
  }

  /** Nothing more is to come: what is missing until now is a gap as well. */
  end(): void {
    const nowMs = Date.now();
    if (this.sequences.length > 1 && nowMs - this.lastAckMs >= GAP_MS_MIN) this.gaps.push({ fromMs: this.lastAckMs, toMs: nowMs });
    this.lastAckMs = nowMs;
  }
}

/** What all clients were told: acknowledgements, and errors by name. */
export class AckJournal {
  private readonly all: ProducerJournal[] = [];
  /** By client and name: what clients saw and dealt with themselves. */
  readonly seen = new Map<string, Map<string, number>>();
  /** By client and name: what came up to the application, for which the client has no further remedy. */
  readonly surfaced = new Map<string, Map<string, number>>();

  get producers(): readonly ProducerJournal[] {
    return this.all;
  }

  get acknowledged(): number {
    return this.all.reduce((sum, it) => sum + it.sequences.length, 0);
  }

  /** How many records each client was told of in each partition, by `client-partition`. */
  get acknowledgedByLane(): Map<string, number> {
    const lanes = new Map<string, number>();
    for (const { client, partitions } of this.all) for (const partition of partitions) lanes.set(`${client}-${partition}`, (lanes.get(`${client}-${partition}`) ?? 0) + 1);
    return lanes;
  }

  producer(client: string): ProducerJournal {
    const journal = new ProducerJournal(this.all.length + 1, client);
    this.all.push(journal);
    return journal;
  }

  sees(client: string, name: string): void {
    count(this.seen, client, name);
  }

  surfaces(client: string, name: string): void {
    count(this.surfaced, client, name);
  }

  /** The longest time without an acknowledgement that began between these two, by client; of a client with several producers, the worst of them. */
  longestGapsMs(fromMs: number, toMs: number): Map<string, number> {
    const longest = new Map<string, number>();
    for (const { client, gaps } of this.all) {
      for (const gap of gaps) {
        if (gap.fromMs < fromMs - GAP_MS_MIN || gap.fromMs > toMs) continue;
        longest.set(client, Math.max(longest.get(client) ?? 0, gap.toMs - gap.fromMs));
      }
    }
    return longest;
  }
}

function count(counts: Map<string, Map<string, number>>, client: string, name: string): void {
  const names = counts.get(client) ?? new Map<string, number>();
  counts.set(client, names);
  names.set(name, (names.get(name) ?? 0) + 1);
}
