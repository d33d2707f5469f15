import type { TopicInfo } from '../cluster/metadata-cache.js';

/** Topics by name and by pattern; what the patterns match follows the cluster's metadata. */
export class Subscribed {
  topics: readonly string[];
  private readonly names: readonly string[];
  private readonly patterns: readonly RegExp[];

  constructor(
    subscriptions: readonly (string | RegExp)[],
    private readonly excludeInternalTopics: boolean,
    known: ReadonlyMap<string, TopicInfo>,
  ) {
    this.names = subscriptions.filter((it) => typeof it === 'string');
    // A sticky or global pattern keeps a place between two tests; a whole name must match, as in Java.
    this.patterns = subscriptions.filter((it) => typeof it !== 'string').map((it) => new RegExp(`^(?:${it.source})$`, it.flags.replace(/[gy]/g, '')));
    this.topics = this.matching(known);
  }

  get hasPatterns(): boolean {
    return this.patterns.length > 0;
  }

  /** True when other topics are subscribed to now. */
  update(known: ReadonlyMap<string, TopicInfo>): boolean {
    const topics = this.matching(known);
    if (topics.join() === this.topics.join()) return false;
    this.topics = topics;
    return true;
  }

  private matching(known: ReadonlyMap<string, TopicInfo>): readonly string[] {
    const topics = new Set(this.names);
    if (this.patterns.length > 0) {
      for (const { name, isInternal } of known.values()) {
        if ((!isInternal || !this.excludeInternalTopics) && this.patterns.some((it) => it.test(name))) topics.add(name);
      }
    }
    return [...topics].sort();
  }
}
