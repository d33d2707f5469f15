import { Message } from './message.js';
import { Fifo } from './fifo.js';
import type { HostGate } from './host-gate.js';
import type { Lane } from './lane.js';
import type { MessageItem } from './message-item.js';

export interface BatchLimits {
  readonly itemsMax: number;
  readonly bytesMax: number;
  readonly lingerMs: number;
  /** At most one item of a lane in a message. */
  readonly oneOfLane: boolean;
}

interface Group<T> {
  readonly key: string;
  readonly lanes: Fifo<Lane<T>>;
  items: number;
  bytes: number;
  list: 'none' | 'lingering' | 'due';
  /** Its place in the list of those that linger; older places of it are void. */
  place: LingerPlace<T> | undefined;
}

interface LingerPlace<T> {
  readonly group: Group<T>;
  readonly sinceMs: number;
}

/** What waits for one host: lanes by group, groups in the order in which they become due. */
export class HostQueue<T> {
  private readonly groups = new Map<string, Group<T>>();
  private readonly lingering = new Fifo<LingerPlace<T>>();
  private readonly due = new Fifo<Group<T>>();
  /** Messages whose time has come again: they go before anything new. */
  readonly retries = new Fifo<Message<T>>();

  constructor(
    readonly key: string,
    readonly gate: HostGate,
    private readonly limits: BatchLimits,
  ) {}

  get isEmpty(): boolean {
    return this.groups.size === 0 && this.retries.length === 0;
  }

  /** A lane that is free and has items. */
  addLane(lane: Lane<T>, groupKey: string, nowMs: number): void {
    let group = this.groups.get(groupKey);
    if (!group) this.groups.set(groupKey, (group = { key: groupKey, lanes: new Fifo(), items: 0, bytes: 0, list: 'none', place: undefined }));
    group.lanes.push(lane);
    lane.isQueued = true;
    lane.counted = 0;
    lane.countedBytes = 0;
    this.count(lane, group);
    this.list(group, nowMs);
  }

  /** The lane, which stands here, has got another item. */
  laneGrew(lane: Lane<T>, nowMs: number): void {
    const group = this.groups.get(lane.items.peek()?.place.groupKey ?? '');
    if (!group) return;
    this.count(lane, group);
    this.list(group, nowMs);
  }

  /** When something is due: now or earlier, later, or never. */
  dueAtMs(nowMs: number): number {
    if (this.retries.length > 0 || this.due.length > 0) return nowMs;
    this.promote(nowMs);
    if (this.due.length > 0) return nowMs;
    const first = this.lingering.peek();
    return first === undefined ? Infinity : first.sinceMs + this.limits.lingerMs;
  }

  /** A message of what is due. Its lanes are busy from now on. */
  take(nowMs: number): Message<T> | undefined {
    const retry = this.retries.shift();
    if (retry) return retry;
    this.promote(nowMs);
    for (let group = this.due.shift(); group; group = this.due.shift()) {
      group.list = 'none';
      const message = this.form(group);
      if (group.items > 0) this.list(group, nowMs);
      else this.groups.delete(group.key);
      if (message) return message;
    }
    return undefined;
  }

  private form(group: Group<T>): Message<T> | undefined {
    const { itemsMax, bytesMax, oneOfLane } = this.limits;
    const items: MessageItem<T>[] = [];
    const lanes: Lane<T>[] = [];
    let bytes = 0;
    while (items.length < itemsMax) {
      const lane = group.lanes.peek();
      if (!lane) break;
      const before = items.length;
      for (let item = lane.items.peek(); item && item.place.groupKey === group.key && items.length < itemsMax; item = lane.items.peek()) {
        if (items.length > 0 && bytes + item.place.bytes > bytesMax) break;
        lane.items.shift();
        items.push(item);
        bytes += item.place.bytes;
        if (oneOfLane) break;
      }
      if (items.length === before && lane.items.length > 0) break;
      group.lanes.shift();
      group.items -= lane.counted;
      group.bytes -= lane.countedBytes;
      lane.isQueued = false;
      if (items.length === before) continue;
      lane.isBusy = true;
      lanes.push(lane);
    }
    if (items.length === 0) return undefined;
    if (lanes.length > 1) items.sort((a, b) => a.sequence - b.sequence);
    return new Message(items, lanes, group.key, this.key);
  }

  /** Counts the items at the lane's head that may go with the group, no further than a whole batch. */
  private count(lane: Lane<T>, group: Group<T>): void {
    const most = this.limits.oneOfLane ? 1 : this.limits.itemsMax;
    while (lane.counted < most) {
      const item = lane.items.at(lane.counted);
      if (item?.place.groupKey !== group.key) return;
      lane.counted += 1;
      lane.countedBytes += item.place.bytes;
      group.items += 1;
      group.bytes += item.place.bytes;
    }
  }

  private list(group: Group<T>, nowMs: number): void {
    const isDue = this.limits.lingerMs === 0 || group.items >= this.limits.itemsMax || group.bytes >= this.limits.bytesMax;
    if (isDue && group.list !== 'due') this.makeDue(group);
    else if (group.list === 'none') {
      group.list = 'lingering';
      group.place = { group, sinceMs: nowMs };
      this.lingering.push(group.place);
    }
  }

  private makeDue(group: Group<T>): void {
    group.list = 'due';
    group.place = undefined;
    this.due.push(group);
  }

  /** Groups that have lingered long enough are due. */
  private promote(nowMs: number): void {
    for (let place = this.lingering.peek(); place; place = this.lingering.peek()) {
      const isCurrent = place.group.place === place;
      if (isCurrent && place.sinceMs + this.limits.lingerMs > nowMs) return;
      this.lingering.shift();
      if (isCurrent) this.makeDue(place.group);
    }
  }
}
