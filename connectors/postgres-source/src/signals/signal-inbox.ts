import { randomUUID } from 'node:crypto';
import type { ConnectLogger, SourceTaskContext, TopicFollower } from '@millrace/connect-api';
import type { SourceSettings } from '../config/source-settings.js';
import { reasonOf } from '../connection/failure.js';
import { SignalFile, signalText, type SignalText } from './signal-file.js';
import { parseSignal, type Signal } from './signal.js';

const CONSUMER_PREFIX = 'signal.consumer.';

/** Signals that wait to be acted upon, of all channels but the signal table. */
export class SignalInbox {
  private readonly waiting: Signal[] = [];
  private readonly file: SignalFile | undefined;
  private follower: TopicFollower | undefined;

  constructor(
    private readonly settings: SourceSettings,
    private readonly logger: ConnectLogger,
  ) {
    const { values } = settings;
    if (values['signal.enabled.channels'].includes('file')) this.file = new SignalFile(values['signal.file'], values['signal.poll.interval.ms'], logger);
  }

  async open(context: SourceTaskContext): Promise<void> {
    const { values } = this.settings;
    if (!values['signal.enabled.channels'].includes('kafka')) return;
    const prefix = values['topic.prefix'];
    const servers = values['signal.kafka.bootstrap.servers'];
    const consumer = Object.entries(context.config).flatMap(([name, value]) => (name.startsWith(CONSUMER_PREFIX) ? [[name.slice(CONSUMER_PREFIX.length), value] as const] : []));
    this.follower = await context.followTopic({
      topic: values['signal.kafka.topic'] ?? `${prefix}-signal`,
      groupId: values['signal.kafka.groupId'] ?? `kafka-signal-${prefix}`,
      startAt: 'latest',
      settings: { ...Object.fromEntries(consumer), ...(servers ? { 'bootstrap.servers': servers } : {}) },
      onRecord: ({ key, value }) => {
        if (!key || Buffer.from(key).toString('utf8') !== prefix || !value) return;
        const signal = signalText(Buffer.from(value).toString('utf8'), this.logger);
        if (signal) this.offer(signal);
      },
    });
  }

  /** Throws ConfigError for a signal that is not known. */
  push(signal: SignalText): void {
    this.waiting.push(parseSignal(signal.id || randomUUID(), signal.type, signal.data));
  }

  take(): Signal[] {
    for (const it of this.file?.read(Date.now()) ?? []) this.offer(it);
    return this.waiting.splice(0);
  }

  async close(): Promise<void> {
    await this.follower?.stop();
  }

  private offer(signal: SignalText): void {
    try {
      this.push(signal);
    } catch (error) {
      this.logger.warn({ id: signal.id, type: signal.type, reason: reasonOf(error) }, 'A signal is not known and is left out');
    }
  }
}
