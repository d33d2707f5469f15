'use strict';
const { ConfigDef, ConfigError, RetriableError, Schema, SourceConnector, SourceTask, Struct } = require('@millrace/connect-api');

const DEF = new ConfigDef({
  topic: { kind: 'string', importance: 'high', doc: 'Where the numbers go.' },
  'batch.size': { kind: 'int', default: '100', min: 1, importance: 'low', doc: 'Records of one poll.' },
  limit: { kind: 'int', default: '0', importance: 'low', doc: 'The last number; 0: never ends.' },
  'quiet.position': { kind: 'int', default: '0', importance: 'low', doc: 'Told once the limit is reached: how far the source has looked without finding more.' },
  'pause.ms': { kind: 'int', default: '0', importance: 'low', doc: 'Between two polls.' },
  trouble: { kind: 'string', default: 'none', importance: 'low', doc: 'What goes wrong: none, start, tell, poll, retriable, oom, exit, loop, config, untold, offsets.' },
  secret: { kind: 'password', default: null, importance: 'low', doc: 'Never shown.' },
});
const KEY = Schema.of('int64');
const VALUE = Schema.struct([['n', KEY], ['text', Schema.of('string')]], { name: 'test.Count' });

/** Counts from 1 per task; the offset says how far it came. */
class CountingTask extends SourceTask {
  async start(context) {
    this.settings = DEF.parse(context.config);
    this.context = context;
    this.partition = { counter: context.config.counter };
    const stored = await context.offset(this.partition);
    this.n = stored === null ? 0 : Number(stored.n);
    this.committed = 0;
    if (this.settings.trouble === 'start') throw new Error('no start today');
    if (this.settings.trouble === 'tell') {
      context.logger.warn({ secret: this.settings.secret.reveal() }, `the secret is ${this.settings.secret.reveal()}`);
      throw new Error(`the secret is ${this.settings.secret.reveal()}`);
    }
    context.logger.info({ from: this.n }, 'counting');
  }

  async poll() {
    const { trouble, limit, topic } = this.settings;
    if (trouble === 'poll') throw new Error('no poll today');
    if (trouble === 'retriable' && !this.hasFailed) {
      this.hasFailed = true;
      throw new RetriableError('try again', { retryAfterMs: 10 });
    }
    if (trouble === 'oom') for (const hoard = []; ; ) hoard.push(new Array(10000).fill(Math.random()));
    if (trouble === 'exit') process.exit(3);
    if (trouble === 'loop') for (;;);
    const pause = this.settings['pause.ms'];
    if (pause > 0 || (limit > 0 && this.n >= limit)) await new Promise((resolve) => setTimeout(resolve, Math.max(pause, limit > 0 && this.n >= limit ? 100 : 0)));
    const records = [];
    const partition = this.partition;
    while (records.length < this.settings['batch.size'] && (limit === 0 || this.n < limit)) {
      const n = ++this.n;
      records.push({ topic, keySchema: KEY, key: BigInt(n), valueSchema: VALUE, value: new Struct(VALUE, { n: BigInt(n), text: 'number' }), sourcePartition: partition, get sourceOffset() { return { n }; } });
    }
    return records;
  }

  offsetsWithoutRecords() {
    const quiet = this.settings['quiet.position'];
    return quiet === 0 || this.n < this.settings.limit ? null : new Map([[this.partition, { n: quiet }]]);
  }

  onCommitted(_partition, offset) {
    if (Number(offset.n) < this.committed) throw new Error('offsets went back');
    this.committed = Number(offset.n);
  }

  onSignal(signal) {
    if (signal.type === 'refuse') throw new ConfigError(`no ${signal.type} today`, 'type');
    if (signal.type === 'tell') throw new ConfigError(`not with ${this.settings.secret.reveal()}`, 'type');
    this.context.logger.info({ id: signal.id, type: signal.type, data: signal.data }, 'a signal came');
    if (signal.type === 'jump') this.n = Number(signal.data.to);
  }

  lag() {
    return { milliseconds: 1500, bytes: 42 };
  }

  stop() {}
}

class CountingConnector extends SourceConnector {
  start(context, config) {
    this.settings = config;
    if (config.trouble === 'untold') throw new Error(`no connector with ${config.secret}`);
    if (config.trouble === 'config') throw new Error('the connector does not start');
  }
  taskConfigs(tasksMax) {
    return Array.from({ length: this.settings.tasks ? Number(this.settings.tasks) : tasksMax }, (_, i) => ({ ...this.settings, counter: `c${i}` }));
  }
  alterOffsets(config, offsets) {
    if (config.trouble === 'offsets') throw new ConfigError(`no offsets with ${config.secret}`, 'secret');
    return super.alterOffsets(config, offsets);
  }
  config() {
    return DEF;
  }
}

exports.plugin = { connector: () => new CountingConnector(), task: () => new CountingTask() };
