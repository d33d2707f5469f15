import { decodeExchange, quorumTranscript, type RecordedExchange } from '@millrace/testkit';
import { RaftMachine, type FetchedBatch, type LogFlush, type OutboundRequest, type RaftAnswer, type RaftEffects, type RaftRequest, type RaftResponse, type Voter } from '../src/index.js';
import { quorumExchange, type QuorumExchange } from './recorded-node.js';
import { SimulatedLog } from './simulated-log.js';

const LISTENER = 'CONTROLLER';
const TICKS_MAX = 8;
/** controller.quorum.request.timeout.ms */
const REQUEST_TIMEOUT_MS = 2000;
/** A fetch that was answered so soon found its records there. */
const AT_ONCE_MS = 100;
/** Requests overtake each other by the ApiVersions of a new connection. */
const OUT_OF_ORDER_MAX = 10;

type Event = { readonly atMs: number; readonly kind: 'hears' | 'answers' | 'asks' | 'is answered'; readonly exchange: QuorumExchange };

/** Our machine in the place of one of Kafka's nodes: it hears what that node heard, when it heard it, and must ask and answer what it asked and answered. Time goes by only for what the node did by itself. */
class Stead {
  readonly wrong: string[] = [];
  later = 0;
  readonly seen = new Map<string, number>();
  private readonly log = new SimulatedLog();
  private readonly machine: RaftMachine;
  private nowMs = 0;
  private nextAsked = 0;
  private lastRequestId = 0;
  private readonly requestIds = new Map<QuorumExchange, number>();
  private readonly answers = new Map<number, RaftAnswer>();
  private outstanding: OutboundRequest[] = [];
  private readonly matched = new Map<QuorumExchange, OutboundRequest>();

  constructor(
    private readonly nodeId: number,
    voters: readonly Voter[],
    private readonly committedLog: readonly FetchedBatch[],
  ) {
    const own = voters.find((it) => it.voterId === nodeId);
    this.machine = new RaftMachine({
      nodeId,
      directoryId: own?.voterDirectoryId ?? '',
      clusterId: 'kraftPeersAAAAAAAAAAAQ',
      listenerName: LISTENER,
      localListeners: own?.endpoints ?? [],
      canBecomeVoter: true,
      bootstrapServers: voters.map((it, i) => ({ id: -2 - i, host: it.endpoints[0]?.host ?? '', port: it.endpoints[0]?.port ?? 0 })),
      staticVoters: [],
      settings: { electionTimeoutMs: 3000, fetchTimeoutMs: 6000, requestTimeoutMs: 60_000 },
      log: { logStartOffset: 0, logEndOffset: 0, lastEpoch: 0, snapshots: [], epochs: this.log },
      control: { voterSets: [{ offset: -1, voters }], kRaftVersions: [{ offset: -1, kRaftVersion: 1 }] },
      quorumState: null,
      random: { integer: (bound) => (bound > voters.length ? 0 : this.nextAsked % bound) },
    });
    this.carryOut(this.machine.start(0));
  }

  /** `nextAsked`: which of the voters the node asks next. */
  take({ kind, exchange }: Event, nextAsked: number): void {
    this.nextAsked = nextAsked;
    switch (kind) {
      case 'hears': {
        const { answer } = exchange;
        if (answer.api === 'fetch' && this.machine.role === 'leader' && exchange.answeredAtMs - exchange.askedAtMs < AT_ONCE_MS) this.appendUpTo((answer.batches.at(-1)?.lastOffset ?? -1) + 1);
        const id = ++this.lastRequestId;
        this.requestIds.set(exchange, id);
        this.carryOut(this.machine.request(id, exchange.request, this.nowMs));
        return;
      }
      case 'answers':
        this.compare(exchange, 'answers', this.answerTo(exchange), exchange.answer);
        return;
      case 'asks':
        // It was asked before what was heard meanwhile: connections take their time.
        if (epochOf(exchange.request) < this.machine.epoch) return;
        if (exchange.request.api === 'endQuorumEpoch') this.stop();
        this.compare(exchange, 'asks', this.sentAs(exchange)?.request, exchange.request);
        return;
      case 'is answered': {
        const sent = this.matched.get(exchange);
        // Who asked a bootstrap server asks the same node again once it is known as a voter: one answer for both.
        const again = this.outstanding.filter((it) => this.nodeOf(it) === exchange.to && same(comparable(it.request), comparable(exchange.request)));
        this.outstanding = this.outstanding.filter((it) => !again.includes(it));
        const isTooLate = exchange.answeredAtMs - exchange.askedAtMs > REQUEST_TIMEOUT_MS;
        for (const it of [...(sent === undefined ? [] : [sent]), ...again]) this.carryOut(isTooLate ? this.machine.requestFailed(it.correlationId, 'timeout', this.nowMs) : this.machine.response(it.correlationId, exchange.answer, this.nowMs));
      }
    }
  }

  /** Its process was told to end while it led. */
  private stop(): void {
    if (this.machine.role === 'leader') this.carryOut(this.machine.shutdown(60_000, this.nowMs));
  }

  private answerTo(exchange: QuorumExchange): RaftAnswer | undefined {
    const id = this.requestIds.get(exchange) ?? 0;
    const { answer } = exchange;
    if (answer.api === 'fetch' && this.machine.role === 'leader') {
      if (answer.errorCode === 'NOT_LEADER_OR_FOLLOWER') this.stop();
      this.appendUpTo((answer.batches.at(-1)?.lastOffset ?? -1) + 1);
    }
    this.passUntil(() => this.answers.has(id));
    return this.answers.get(id);
  }

  /** What the machine asks of the same node; a request of its that nobody answered was lost. */
  private sentAs(exchange: QuorumExchange): OutboundRequest | undefined {
    const isSent = (it: OutboundRequest): boolean => this.nodeOf(it) === exchange.to && it.request.api === exchange.request.api && same(comparable(it.request), comparable(exchange.request));
    const find = (): OutboundRequest | undefined => this.outstanding.find(isSent);
    if (find() === undefined) {
      this.lose(exchange);
      this.passUntil(() => find() !== undefined);
    }
    const sent = find() ?? this.outstanding.find((it) => this.nodeOf(it) === exchange.to && it.request.api === exchange.request.api);
    if (sent === undefined) return undefined;
    this.outstanding = this.outstanding.filter((it) => it !== sent);
    this.matched.set(exchange, sent);
    return sent;
  }

  /** What is under way to that node, or looks for the leader elsewhere, got no answer. */
  private lose(exchange: QuorumExchange): void {
    const lost = this.outstanding.filter((it) => this.nodeOf(it) === exchange.to || (it.request.api === 'fetch' && exchange.request.api === 'fetch'));
    this.outstanding = this.outstanding.filter((it) => !lost.includes(it));
    for (const it of lost) this.carryOut(this.machine.requestFailed(it.correlationId, 'disconnected', this.nowMs));
  }

  private nodeOf({ destination }: OutboundRequest): number {
    return this.machine.voters.voters.find((it) => it.endpoints.some((endpoint) => endpoint.host === destination.host && endpoint.port === destination.port))?.voterId ?? destination.id;
  }

  /** What the leader's controller wrote, and the quorum's own records beyond the machine's. */
  private appendUpTo(endOffset: number): void {
    if (this.log.endOffset >= endOffset) return;
    for (const batch of this.committedLog) if (batch.baseOffset >= this.log.endOffset && batch.baseOffset < endOffset) this.appendBatch(batch);
    this.carryOut(this.machine.appended(this.log.endOffset, this.nowMs));
  }

  private appendBatch(batch: FetchedBatch): void {
    for (let offset = batch.baseOffset; offset <= batch.lastOffset; offset++) this.log.append({ epoch: batch.leaderEpoch, value: 0, control: batch.control.find((it) => it.offset === offset)?.record ?? null });
  }

  private passUntil(isSo: () => boolean): void {
    for (let i = 0; i < TICKS_MAX && !isSo(); i++) {
      const next = this.machine.nextTickMs;
      if (!Number.isFinite(next)) return;
      this.nowMs = Math.max(this.nowMs, next);
      this.carryOut(this.machine.tick(this.nowMs));
    }
  }

  private carryOut(effects: RaftEffects): void {
    const { log } = this;
    if (effects.truncateTo !== null) log.truncate(effects.truncateTo);
    if (effects.append?.kind === 'control') for (const control of effects.append.records) log.append({ epoch: effects.append.leaderEpoch, value: 0, control });
    if (effects.append?.kind === 'fetched') for (const batch of effects.append.batches) this.appendBatch(batch);
    this.outstanding.push(...effects.requests);
    for (const { requestId, answer } of effects.answers) this.answers.set(requestId, answer);
    const flush: LogFlush | null = effects.flush;
    if (flush !== null) this.carryOut(this.machine.flushed(flush, this.nowMs));
  }

  private compare({ line, request }: QuorumExchange, what: string, ours: RaftRequest | RaftAnswer | OutboundRequest['request'] | undefined, kafkas: RaftRequest | RaftResponse): void {
    this.seen.set(`${what} ${request.api}`, (this.seen.get(`${what} ${request.api}`) ?? 0) + 1);
    const a = ours === undefined ? 'nothing' : comparable(ours);
    const b = comparable(kafkas);
    // What was parked is answered here with what is known by then.
    if (a !== 'nothing' && kafkas.api === 'fetch' && Number(a['highWatermark']) > Number(b['highWatermark']) && Number(b['highWatermark']) >= 0) {
      this.later++;
      a['highWatermark'] = b['highWatermark'];
    }
    if (!same(a, b)) this.wrong.push(`line ${line}: node ${this.nodeId} (${this.machine.role} of ${this.machine.epoch}, log to ${this.log.endOffset}) ${what} ${JSON.stringify(request)}\n  ours  ${JSON.stringify(a)}\n  kafka ${JSON.stringify(b)}`);
  }
}

/**
 * Without what each node decides for itself: how long and how much it fetches, when its controller writes records, when it makes snapshots and lets go of the log before them. What a fetch brings is
 * the driver's. In EndQuorumEpoch ours say where the leader was; Kafka's leave that out.
 */
function comparable(message: object): Record<string, unknown> {
  const { maxWaitMs: _wait, maxBytes: _max, read: _read, batches: _batches, logStartOffset: _start, ...rest } = message as Record<string, unknown>;
  return rest['api'] === 'endQuorumEpoch' ? { ...rest, leaderEndpoints: [] } : rest;
}

function epochOf(request: RaftRequest): number {
  if (request.api === 'vote') return request.replicaEpoch;
  if (request.api === 'fetch') return request.currentLeaderEpoch;
  return 'leaderEpoch' in request ? request.leaderEpoch : Infinity;
}

function same(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  return `{${Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)).map(([key, it]) => `${key}:${canonical(it)}`).join()}}`;
}

/** Up to where the node's requests are counted anew: it was started again. */
function firstLifeOf(nodeId: number, recorded: readonly RecordedExchange[]): QuorumExchange[] {
  let last = -1;
  let endMs = Infinity;
  for (const it of recorded) {
    if (it.clientId !== `raft-client-${nodeId}`) continue;
    const { correlationId } = decodeExchange(it);
    if (correlationId < last - OUT_OF_ORDER_MAX) {
      endMs = it.askedAtMs;
      break;
    }
    last = Math.max(last, correlationId);
  }
  return recorded.filter((it) => it.answeredAtMs < endMs).flatMap((it) => quorumExchange(it) ?? []).filter((it) => it.from !== it.to && (it.from === nodeId || it.to === nodeId));
}

describe('the quorum of Apache Kafka 4.3.1', () => {
  const recorded = quorumTranscript();
  const exchanges = recorded.flatMap((it) => quorumExchange(it) ?? []);
  const batches = new Map<number, FetchedBatch>();
  for (const { answer } of exchanges) if (answer.api === 'fetch') for (const it of answer.batches) batches.set(it.baseOffset, it);
  const committed = [...batches.values()].sort((a, b) => a.baseOffset - b.baseOffset);
  const [voters] = committed.flatMap((it) => it.control).flatMap(({ record }) => (record.type === 'voters' ? [record.voters] : []));

  // Node 1 was slower than its own timers: the relay cannot tell which answers it still took. It is asked by the others.
  it.each([
    [2, { 'answers fetch': 85, 'answers vote': 1, 'asks beginQuorumEpoch': 2, 'asks vote': 3 }],
    [3, { 'answers beginQuorumEpoch': 2, 'answers endQuorumEpoch': 1, 'answers fetch': 99, 'answers vote': 5, 'asks beginQuorumEpoch': 1, 'asks endQuorumEpoch': 2, 'asks fetch': 44, 'asks vote': 5 }],
  ])('our machine in the stead of node %s asks and answers the same', (nodeId, seen) => {
    if (voters === undefined) throw new Error('nobody votes');
    const events = firstLifeOf(nodeId, recorded)
      .flatMap((exchange): Event[] => [
        { atMs: exchange.askedAtMs, kind: exchange.from === nodeId ? 'asks' : 'hears', exchange },
        { atMs: exchange.answeredAtMs, kind: exchange.from === nodeId ? 'is answered' : 'answers', exchange },
      ])
      .sort((a, b) => a.atMs - b.atMs);
    const stead = new Stead(nodeId, voters, committed);
    events.forEach((event, i) => {
      const next = events.slice(i).find((it) => it.kind === 'asks' && it.exchange.request.api === 'fetch');
      stead.take(event, next === undefined ? 0 : voters.filter((it) => it.voterId !== nodeId).findIndex((it) => it.voterId === next.exchange.to));
    });
    expect(stead.wrong.slice(0, 8).join('\n')).toBe('');
    expect(stead.later).toBeLessThanOrEqual(1);
    expect(Object.fromEntries(stead.seen)).toEqual(seen);
  });
});
