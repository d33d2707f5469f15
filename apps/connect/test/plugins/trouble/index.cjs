'use strict';
// Connectors that fail, block or write down what is done with them, as their settings say.
const fs = require('node:fs');
const { ConfigDef, ConnectError, Schema, SinkConnector, SinkTask, SourceConnector, SourceTask } = require('@millrace/connect-api');

const DEF = new ConfigDef({
  topic: { kind: 'string', default: 'trouble', importance: 'low', doc: 'Where the numbers go.' },
  'block.in': { kind: 'string', default: '', importance: 'low', doc: 'The method that does not come back: connector.start, task.poll ….' },
  'block.how': { kind: 'string', default: 'wait', importance: 'low', doc: 'wait: a promise that never settles; spin: a loop that never ends.' },
  'fail.file': { kind: 'string', default: '', importance: 'low', doc: 'While the file has a part’s name (connector, task-0 …) in a line of its own, that part fails.' },
  'log.file': { kind: 'string', default: '', importance: 'low', doc: 'Takes a line for each call.' },
  tasks: { kind: 'int', default: '0', importance: 'low', doc: 'Number of task configs; 0: tasks.max.' },
  'tell.pid': { kind: 'boolean', default: 'false', importance: 'low', doc: 'Records say which process sent them.' },
  'pause.ms': { kind: 'int', default: '50', importance: 'low', doc: 'Between two polls.' },
});

function note(config, line) {
  if (config['log.file']) fs.appendFileSync(config['log.file'], `${line}\n`);
}

function trouble(config, part, method) {
  const failing = config['fail.file'] && fs.existsSync(config['fail.file']) ? fs.readFileSync(config['fail.file'], 'utf8').split('\n') : [];
  if (method === 'start' && failing.includes(part)) throw new ConnectError(`${part} fails as it was told`);
  const where = `${part.replace(/-\d+$/, '')}.${method}`;
  if (config['block.in'] !== where) return undefined;
  note(config, `blocks in ${where}`);
  if (config['block.how'] === 'spin') for (;;);
  return new Promise(() => undefined);
}

const planning = {
  async start(_context, config) {
    this.settings = config;
    note(config, `connector.start ${process.pid}`);
    await trouble(config, 'connector', 'start');
  },
  async taskConfigs(tasksMax) {
    await trouble(this.settings, 'connector', 'taskConfigs');
    return Array.from({ length: Number(this.settings.tasks ?? 0) || tasksMax }, (_, number) => ({ ...this.settings, number: String(number) }));
  },
  async stop() {
    await trouble(this.settings, 'connector', 'stop');
  },
  config() {
    return DEF;
  },
  async validate(config) {
    await trouble(config, 'connector', 'validate');
    return DEF.validate(config);
  },
  onDeleted(config) {
    note(config, 'connector.onDeleted');
  },
};

class TroubleSourceConnector extends SourceConnector {}
class TroubleSinkConnector extends SinkConnector {}
for (const type of [TroubleSourceConnector, TroubleSinkConnector]) Object.assign(type.prototype, planning);
TroubleSourceConnector.prototype.alterOffsets = function (config, offsets) {
  note(config, `alterOffsets ${JSON.stringify([...offsets])}`);
  return config['alter.result'] === 'true';
};

class TroubleSourceTask extends SourceTask {
  async start(context) {
    this.settings = DEF.parse(context.config);
    this.part = `task-${context.taskId}`;
    this.partition = { number: context.config.number };
    this.n = Number((await context.offset(this.partition))?.n ?? 0);
    note(context.config, `task.start ${this.part} ${process.pid}`);
    await trouble(context.config, this.part, 'start');
    this.config = context.config;
  }
  async poll() {
    await trouble(this.config, this.part, 'poll');
    await new Promise((resolve) => setTimeout(resolve, this.settings['pause.ms']));
    const n = ++this.n;
    return [{ topic: this.settings.topic, keySchema: Schema.of('string'), key: this.part, valueSchema: Schema.of('string'), value: this.settings['tell.pid'] ? `${process.ppid} ${process.pid} ${n}` : String(n), sourcePartition: this.partition, sourceOffset: { n } }];
  }
  async stop() {
    await trouble(this.config ?? {}, this.part ?? 'task', 'stop');
  }
}

class TroubleSinkTask extends SinkTask {
  async start(context) {
    this.part = `task-${context.taskId}`;
    this.config = context.config;
    note(this.config, `task.start ${this.part} ${process.pid}`);
    await trouble(this.config, this.part, 'start');
  }
  open(partitions) {
    note(this.config, `open ${partitions.map((it) => `${it.topic}-${it.partition}`).sort().join(',')}`);
  }
  close(partitions) {
    note(this.config, `close ${partitions.map((it) => `${it.topic}-${it.partition}`).sort().join(',')}`);
  }
  async put(records) {
    await trouble(this.config, this.part, 'put');
    note(this.config, `put ${records.length}`);
  }
  async stop() {
    await trouble(this.config, this.part, 'stop');
  }
}

exports.source = { connector: () => new TroubleSourceConnector(), task: () => new TroubleSourceTask() };
exports.sink = { connector: () => new TroubleSinkConnector(), task: () => new TroubleSinkTask() };
