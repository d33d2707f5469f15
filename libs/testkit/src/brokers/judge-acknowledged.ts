import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AckJournal } from './ack-journal.js';
import { eachLine } from './clients/child-lines.js';

export interface AckVerdict {
  readonly acknowledged: number;
  /** In the topic; what was not acknowledged may be there as well. */
  readonly records: number;
  /** What is wrong, at most twenty lines. */
  readonly problems: readonly string[];
}

interface Place {
  readonly partition: number;
  readonly offset: number;
}

/** Collects what a reader finds, and holds it against what producers were told. */
export class AckJudge {
  private readonly found = new Map<string, Place>();
  private readonly lastSequences = new Map<string, number>();
  private readonly nextOffsets = new Map<number, number>();
  private readonly problems: string[] = [];
  private count = 0;

  /** In the order of the partition. */
  record(partition: number, offset: number, value: string): void {
    this.count += 1;
    const expected = this.nextOffsets.get(partition) ?? 0;
    if (offset < expected) this.problem(`partition ${partition}: offset ${offset} after ${expected - 1}`);
    this.nextOffsets.set(partition, offset + 1);
    const before = this.found.get(value);
    if (before !== undefined) {
      this.problem(`${value} is there twice: ${before.partition}@${before.offset} and ${partition}@${offset}`);
      return;
    }
    this.found.set(value, { partition, offset });
    const [producer, sequence] = value.split('.');
    const lane = `${producer}-${partition}`;
    const last = this.lastSequences.get(lane) ?? -1;
    if (Number(sequence) < last) this.problem(`partition ${partition}: ${value} stands behind ${producer}.${last}`);
    this.lastSequences.set(lane, Math.max(last, Number(sequence)));
  }

  verdict(journal: AckJournal): AckVerdict {
    for (const { id, client, sequences, partitions, offsets } of journal.producers) {
      for (let i = 0; i < sequences.length; i++) {
        const value = `${id}.${sequences[i]}`;
        const place = this.found.get(value);
        if (place === undefined) this.problem(`${client} ${value} was acknowledged at ${partitions[i]}@${offsets[i]} and is lost`);
        else if (place.partition !== partitions[i] || (offsets[i]! >= 0 && place.offset !== offsets[i])) this.problem(`${client} ${value} was acknowledged at ${partitions[i]}@${offsets[i]} and is at ${place.partition}@${place.offset}`);
      }
    }
    return { acknowledged: journal.acknowledged, records: this.count, problems: this.problems };
  }

  private problem(text: string): void {
    if (this.problems.length < 20) this.problems.push(text);
  }
}

/** Reads each partition to its end with kcat, so that software that is not ours reads. */
export async function readWithKcat(bootstrap: string, topic: string, partitions: number, onRecord: (partition: number, offset: number, value: string) => void): Promise<void> {
  for (let partition = 0; partition < partitions; partition++) {
    const child = spawn('kcat', ['-C', '-q', '-e', '-b', bootstrap, '-t', topic, '-p', String(partition), '-o', 'beginning', '-f', '%o %s\\n'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let complaint = '';
    eachLine(child.stderr, (line) => (complaint += `${line}\n`));
    eachLine(child.stdout, (line) => {
      const space = line.indexOf(' ');
      onRecord(partition, Number(line.slice(0, space)), line.slice(space + 1));
    });
    const [status] = (await once(child, 'close')) as [number | null];
    if (status !== 0) throw new Error(`kcat could not read ${topic}-${partition}: ${complaint}`);
  }
}
