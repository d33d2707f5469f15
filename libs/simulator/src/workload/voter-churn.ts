import { isRetriable, type BrokerId, type Uuid } from '@millrace/foundation';
import { AddRaftVoter, DescribeQuorum, ErrorCode, ProtocolError, RemoveRaftVoter } from '@millrace/protocol';
import { CONTROLLER_PORTS } from '../cluster/simulated-broker.js';
import { Operator, type OperatorOptions } from './operator.js';

interface Replica {
  readonly id: BrokerId;
  readonly directoryId: Uuid;
}

interface Quorum {
  readonly leaderId: BrokerId;
  readonly voters: readonly Replica[];
  readonly observers: readonly Replica[];
  /** Where voters listen, as the log has it. */
  readonly ports: ReadonlyMap<BrokerId, number>;
}

/** Another operator may have been first, or an earlier attempt whose answer was lost. */
const FINE: readonly number[] = [ErrorCode.DUPLICATE_VOTER, ErrorCode.VOTER_NOT_FOUND];

/** An operator of the quorum: voters are removed and added again, sometimes by two at once, and controllers move to another port. */
export class VoterChurn {
  private readonly operator: Operator;

  constructor(private readonly options: OperatorOptions) {
    const { world, cluster } = options;
    this.operator = new Operator({ world, cluster, host: 'voter-operator', label: 'voters', chance: 'operator of the voters', pauseMs: { least: 500, spread: 5000 }, step: () => this.step() });
  }

  start(): void {
    this.operator.start();
  }

  stop(): void {
    this.operator.stop();
  }

  private async step(): Promise<void> {
    const { random } = this.operator;
    await this.operator.kafka.refreshMetadata();
    const quorum = await this.quorum();
    // Voters of which one is elsewhere than the log says reach each other only as long as they are three, and the others stay.
    if (quorum === undefined || this.isMoving(quorum)) return;
    if (quorum.voters.length >= 3 && random.chance(0.2)) {
      await this.move(quorum);
      return;
    }
    const count = random.chance(0.4) ? 2 : 1;
    await Promise.all(Array.from({ length: count }, () => this.operator.attempt(() => this.change(quorum))));
  }

  private async quorum(): Promise<Quorum | undefined> {
    const { topics, nodes } = await this.operator.kafka.requestController(DescribeQuorum, () => ({ topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] }));
    const found = topics[0]?.partitions[0];
    if (found === undefined || found.errorCode !== ErrorCode.NONE) return undefined;
    const replicaOf = (it: { readonly replicaId: BrokerId; readonly replicaDirectoryId?: Uuid }): Replica => ({ id: it.replicaId, directoryId: it.replicaDirectoryId ?? '' });
    return {
      leaderId: found.leaderId,
      voters: found.currentVoters.map(replicaOf),
      observers: found.observers.map(replicaOf).filter((it) => this.options.cluster.brokers.some((node) => node.brokerId === it.id)),
      ports: new Map((nodes ?? []).map((it) => [it.nodeId, it.listeners[0]?.port ?? 0])),
    };
  }

  private isMoving(quorum: Quorum): boolean {
    return quorum.voters.some((it) => quorum.ports.get(it.id) !== this.portOf(it.id));
  }

  private portOf(id: BrokerId): number {
    return this.options.cluster.brokers.find((it) => it.brokerId === id)?.controllerPort ?? 0;
  }

  /** A voter comes back at another port, and tells the leader (UpdateRaftVoter). */
  private async move(quorum: Quorum): Promise<void> {
    const voter = this.operator.random.pick(quorum.voters);
    const node = this.options.cluster.brokers.find((it) => it.brokerId === voter.id);
    if (node?.isUp !== true) return;
    this.operator.write(`${voter.id} moves to another port`);
    await node.stop();
    node.controllerPort = node.controllerPort === CONTROLLER_PORTS[0] ? CONTROLLER_PORTS[1] : CONTROLLER_PORTS[0];
    node.start();
  }

  private async change(quorum: Quorum): Promise<void> {
    const { random } = this.operator;
    const { voters, observers, leaderId } = quorum;
    const fewest = random.chance(0.2) ? 1 : 2;
    const mayRemove = voters.length > fewest;
    if (mayRemove && (observers.length === 0 || random.chance(0.5))) {
      const leader = voters.find((it) => it.id === leaderId);
      await this.remove(leader !== undefined && random.chance(0.3) ? leader : random.pick(voters));
    } else if (observers.length > 0) {
      await this.add(random.pick(observers));
    }
  }

  private async remove({ id, directoryId }: Replica): Promise<void> {
    this.operator.write(`${id} is to go`);
    const { errorCode } = await this.operator.kafka.request(this.anyBroker(), RemoveRaftVoter, () => ({ clusterId: null, voterId: id, voterDirectoryId: directoryId }));
    this.answered(`removal of voter ${id}`, errorCode);
  }

  private async add({ id, directoryId }: Replica): Promise<void> {
    this.operator.write(`${id} is to come`);
    const listeners = [{ name: 'CONTROLLER', host: this.options.cluster.brokers.find((it) => it.brokerId === id)?.host ?? '', port: this.portOf(id) }];
    const { errorCode } = await this.operator.kafka.request(this.anyBroker(), AddRaftVoter, () => ({ clusterId: null, timeoutMs: 5000, voterId: id, voterDirectoryId: directoryId, listeners }));
    this.answered(`addition of voter ${id}`, errorCode);
  }

  private anyBroker(): BrokerId {
    return this.operator.random.pick(this.options.cluster.brokers).brokerId;
  }

  private answered(what: string, errorCode: number): void {
    this.operator.write(`${what}: ${errorCode === ErrorCode.NONE ? 'done' : new ProtocolError(errorCode).message}`);
    if (errorCode === ErrorCode.NONE || FINE.includes(errorCode) || isRetriable(new ProtocolError(errorCode))) return;
    this.operator.breach(`${what}: ${new ProtocolError(errorCode).message}`);
  }
}
