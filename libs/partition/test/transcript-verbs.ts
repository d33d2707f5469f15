import { LeaderEpochs, PartitionMachine, type IsrProposal, type PartitionEffects } from '../src/index.js';

/** Words of a line as `name=value`. */
function wordsOf(line: string): { verb: string; number(name: string, otherwise?: number): number; text(name: string, otherwise?: string): string; ids(name: string): number[] } {
  const [verb = '', ...words] = line.split(/\s+/);
  const values = new Map(words.map((word) => [word.split('=')[0] ?? '', word.split('=')[1] ?? 'true'] as const));
  return {
    verb,
    number: (name, otherwise = -1) => Number(values.get(name) ?? otherwise),
    text: (name, otherwise = '') => values.get(name) ?? otherwise,
    ids: (name) => (values.get(name) ?? '').split(',').filter((it) => it !== '').map(Number),
  };
}

/** Runs the lines of a transcript against one partition machine (broker 1) and says what came out. */
export class Transcript {
  private epochs = new LeaderEpochs();
  private machine = this.open(1, { logStartOffset: 0, logEndOffset: 0, highWatermark: 0, firstUnstableOffset: -1 });
  private nowMs = 0;
  private readonly proposals: IsrProposal[] = [];

  run(line: string): string[] {
    const it = wordsOf(line);
    const { machine } = this;
    switch (it.verb) {
      case 'open':
        this.epochs = new LeaderEpochs(it.text('epochs').split(',').filter((entry) => entry !== '').map((entry) => ({ leaderEpoch: Number(entry.split('@')[0]), startOffset: Number(entry.split('@')[1]) })));
        this.machine = this.open(it.number('minIsr', 1), { logStartOffset: it.number('start', 0), logEndOffset: it.number('end', 0), highWatermark: it.number('hw', 0), firstUnstableOffset: it.number('unstable') });
        return this.state();
      case 'assign':
        return this.effects(machine.assigned({ leader: it.number('leader'), leaderEpoch: it.number('epoch', 0), partitionEpoch: it.number('v', 0), replicas: it.ids('replicas'), isr: it.ids('isr') }, this.nowMs));
      case 'superseded':
        machine.superseded(it.number('epoch'));
        return this.state();
      case 'append': {
        const refused = machine.checkAppend(it.number('acks', -1), it.number('epoch'));
        if (refused !== null) return [refused];
        return this.effects(machine.appended(machine.logEndOffset + it.number('count', 1) - 1, this.nowMs));
      }
      case 'status':
        return [machine.appendStatus(it.number('below'))];
      case 'unstable':
        return this.effects(machine.unstableOffsetChanged(it.number('offset')));
      case 'fetch': {
        const replicaId = it.number('replica');
        const isolation = replicaId >= 0 ? 'log_end' : it.text('committed') === 'true' ? 'read_committed' : 'read_uncommitted';
        const decision = machine.fetchDecision({ fetchOffset: it.number('at'), isolation, currentLeaderEpoch: it.number('epoch'), lastFetchedEpoch: it.number('lastEpoch'), replicaId, onlyFromLeader: it.text('anyone') !== 'true' });
        if (decision.kind === 'error') return [decision.error];
        if (decision.kind === 'diverging') return [`diverging at epoch ${decision.diverging.leaderEpoch} end ${decision.diverging.endOffset}`];
        const read = `read [${decision.fetchOffset}, ${decision.upTo}) hw=${decision.highWatermark} lso=${decision.lastStableOffset} start=${decision.logStartOffset}`;
        if (replicaId < 0) return [read];
        const effects = machine.followerFetched(
          { replicaId, fetchOffset: it.number('at'), logStartOffset: it.number('start', 0), brokerEpoch: it.number('brokerEpoch', 7), isEligible: it.text('ineligible') !== 'true', nowMs: this.nowMs },
          decision.logEndOffset,
        );
        return [read, ...this.effects(effects)];
      }
      case 'list-offsets': {
        const decision = machine.listOffsetsDecision({ timestamp: it.number('timestamp'), isolation: it.text('committed') === 'true' ? 'read_committed' : 'read_uncommitted', currentLeaderEpoch: it.number('epoch'), onlyFromLeader: true });
        return [JSON.stringify(decision)];
      }
      case 'epoch-end':
        return [JSON.stringify(machine.epochEnd(it.number('of'), it.number('epoch'), true))];
      case 'delete-records': {
        const decision = machine.deleteRecordsDecision(it.number('before'));
        return decision.error === null ? [...this.effects(machine.logStartAdvanced(decision.logStartOffset)), `low watermark ${machine.lowWatermark()}`] : [decision.error];
      }
      case 'min-isr':
        return this.effects(machine.minInsyncReplicasChanged(it.number('is'), this.nowMs));
      case 'advance':
        this.nowMs += it.number('ms');
        return this.effects(machine.tick(this.nowMs));
      case 'committed':
        return this.effects(machine.isrCommitted(this.proposal(it.number('proposal')), { leaderEpoch: it.number('epoch', 0), partitionEpoch: it.number('v'), isr: it.ids('isr') }, this.nowMs));
      case 'refused':
        return this.effects(machine.isrRefused(this.proposal(it.number('proposal')), it.text('error')));
      case 'leader-answers':
        if (it.number('count', 0) > 0) machine.appended(machine.logEndOffset + it.number('count') - 1, this.nowMs);
        return this.effects(machine.leaderAnswered({ highWatermark: it.number('hw'), logStartOffset: it.number('start', 0) }));
      case 'diverged': {
        const effects = machine.diverged({ leaderEpoch: it.number('epoch'), endOffset: it.number('end') });
        if (effects.truncateTo === null) return ['nothing'];
        this.epochs.truncateFromEnd(effects.truncateTo);
        machine.truncated(effects.truncateTo);
        return [`truncate to ${effects.truncateTo}`, ...this.state()];
      }
      case 'broker':
        return this.effects(machine.brokerChanged(it.number('id'), { isActive: it.text('fenced') !== 'true', brokerEpoch: it.number('epoch', 7) }, this.nowMs));
      case 'low-watermark':
        return [`low watermark ${machine.lowWatermark()}`];
      case 'disk-fails':
        return this.effects(machine.wentOffline());
      default:
        throw new Error(`unknown verb ${it.verb}`);
    }
  }

  private open(minInsyncReplicas: number, log: { logStartOffset: number; logEndOffset: number; highWatermark: number; firstUnstableOffset: number }): PartitionMachine {
    return new PartitionMachine({ brokerId: 1, brokerEpoch: 10, minInsyncReplicas, replicaLagTimeMaxMs: 1000, log, epochs: this.epochs });
  }

  private proposal(number: number): IsrProposal {
    const proposal = this.proposals[number];
    if (proposal === undefined) throw new Error(`no proposal ${number}`);
    return proposal;
  }

  private state(): string[] {
    const { role, leaderEpoch, logStartOffset, lastStableOffset, highWatermark, logEndOffset, isr } = this.machine;
    return [`${role} epoch=${leaderEpoch} start=${logStartOffset} lso=${lastStableOffset} hw=${highWatermark} end=${logEndOffset} isr=${isr.committed.join()}/${isr.maximal.join()}`];
  }

  private effects(effects: PartitionEffects): string[] {
    const out: string[] = [];
    if (effects.assignEpoch !== null) {
      this.epochs.assign(effects.assignEpoch.leaderEpoch, effects.assignEpoch.startOffset);
      out.push(`epoch ${effects.assignEpoch.leaderEpoch} starts at ${effects.assignEpoch.startOffset}`);
    }
    if (effects.proposeIsr !== null) {
      if (!this.proposals.includes(effects.proposeIsr)) this.proposals.push(effects.proposeIsr);
      out.push(`proposal ${this.proposals.indexOf(effects.proposeIsr)}: isr ${effects.proposeIsr.isr.map((it) => `${it.brokerId}(${it.brokerEpoch})`).join()} for v${effects.proposeIsr.partitionEpoch}`);
    }
    if (effects.highWatermarkAdvancedTo !== null) out.push(`high watermark ${effects.highWatermarkAdvancedTo}`);
    const woken = Object.entries(effects.wake).filter(([, isWoken]) => isWoken).map(([name]) => name);
    if (woken.length > 0) out.push(`wake ${woken.join(' ')}`);
    return [...out, ...this.state()];
  }
}
