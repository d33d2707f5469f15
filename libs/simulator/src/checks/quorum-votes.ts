import type { BrokerId, LeaderEpoch } from '@millrace/foundation';
import { BeginQuorumEpoch, ErrorCode, Vote } from '@millrace/protocol';
import type { SimulatedCluster } from '../cluster/simulated-cluster.js';
import type { World } from '../world.js';
import { watching, type Serving, type WireTap } from './wire-tap.js';

const STATE_FILE = '/data/__cluster_metadata-0/quorum-state';

/** Invariant 15, from the wire: a voter votes once in an epoch, what it says is durable, and an epoch has one leader. */
export class QuorumVotes {
  /** Called when a vote has been cast: by the voter that grants it, or by the candidate for itself. */
  onVote: (host: string) => void = () => undefined;
  private readonly votes = new Map<string, number>();
  private readonly leaders = new Map<LeaderEpoch, number>();

  constructor(private readonly world: World, private readonly cluster: SimulatedCluster, tap: WireTap) {
    tap.watch(
      watching(Vote, (serving, request) => {
        const asked = request.topics[0]?.partitions[0];
        if (asked === undefined || asked.preVote) return undefined;
        // Who asks for votes has given its own to itself.
        this.cast(`broker-${asked.replicaId}`, asked.replicaEpoch, asked.replicaId);
        return (response) => {
          const answer = response.topics[0]?.partitions[0];
          if (answer?.voteGranted === true && answer.errorCode === ErrorCode.NONE) this.granted(serving, asked.replicaEpoch, asked.replicaId);
        };
      }),
    );
    tap.watch(
      watching(BeginQuorumEpoch, (_serving, request) => {
        const said = request.topics[0]?.partitions[0];
        if (said !== undefined) this.leads(said.leaderEpoch, said.leaderId);
        return undefined;
      }),
    );
  }

  /** Who led in the last epoch that was heard of. */
  get leader(): number | undefined {
    return this.leaders.get(Math.max(...this.leaders.keys()));
  }

  /** Who has voted for this candidate in this epoch, itself included. */
  votersFor(epoch: LeaderEpoch, candidate: BrokerId): BrokerId[] {
    const others = this.cluster.brokers.filter((it) => it.brokerId !== candidate && this.votes.get(`${it.host}/${epoch}`) === candidate);
    return [candidate, ...others.map((it) => it.brokerId)];
  }

  leads(epoch: LeaderEpoch, leader: BrokerId): void {
    const before = this.leaders.get(epoch);
    if (before !== undefined && before !== leader) this.world.breach(15, `the quorum has two leaders in epoch ${epoch}: ${before} and ${leader}`);
    this.leaders.set(epoch, leader);
  }

  private granted({ host }: Serving, epoch: LeaderEpoch, candidate: number): void {
    this.cast(host, epoch, candidate);
    const node = this.cluster.brokers.find((it) => it.host === host);
    const bytes = node?.disk.durableContentOf(STATE_FILE);
    const state = bytes === undefined ? undefined : (JSON.parse(Buffer.from(bytes).toString()) as { readonly leaderEpoch: number; readonly votedId: number; readonly leaderId: number });
    if (state === undefined || state.leaderEpoch < epoch || (state.leaderEpoch === epoch && state.votedId !== candidate && state.leaderId < 0)) {
      this.world.breach(15, `${host} grants ${candidate} its vote in epoch ${epoch}, and a loss of power now would leave ${state === undefined ? 'nothing' : `epoch ${state.leaderEpoch}, vote ${state.votedId}`}`);
    }
  }

  private cast(host: string, epoch: LeaderEpoch, candidate: number): void {
    const key = `${host}/${epoch}`;
    const before = this.votes.get(key);
    if (before === undefined) {
      this.votes.set(key, candidate);
      this.onVote(host);
    } else if (before !== candidate) this.world.breach(15, `${host} votes for ${candidate} in epoch ${epoch}, and has voted for ${before} in it`);
  }
}
