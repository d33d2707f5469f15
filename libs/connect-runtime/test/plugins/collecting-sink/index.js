'use strict';
const fs = require('node:fs');
const { ConfigDef, RetriableError, SinkConnector, SinkTask } = require('@millrace/connect-api');

const DEF = new ConfigDef({
  file: { kind: 'string', importance: 'high', doc: 'Takes a line for each record: topic, partition, offset, number.' },
  trouble: { kind: 'string', default: 'none', importance: 'low', doc: 'What goes wrong: none, put, retriable.' },
  'put.ms': { kind: 'int', default: '0', importance: 'low', doc: 'How long a put takes.' },
});

/** Writes what it gets into a file, before put resolves. */
class CollectingTask extends SinkTask {
  start(context) {
    this.settings = DEF.parse(context.config);
    this.failures = 0;
    this.open_ = 0;
  }

  async put(records) {
    if (this.settings.trouble === 'put') throw new Error('no put today');
    if (this.settings.trouble === 'retriable' && this.failures++ % 2 === 0) throw new RetriableError('once more', { retryAfterMs: 5 });
    if (this.settings['put.ms'] > 0) await new Promise((resolve) => setTimeout(resolve, this.settings['put.ms']));
    const lines = records.map((it) => `${it.topic} ${it.partition} ${it.kafkaOffset} ${it.value === null ? 'null' : String(it.value.get('n'))}\n`);
    fs.appendFileSync(this.settings.file, lines.join(''));
  }

  stop() {}
}

class CollectingConnector extends SinkConnector {
  start(_context, config) {
    this.settings = config;
  }
  taskConfigs(tasksMax) {
    return Array.from({ length: tasksMax }, () => ({ ...this.settings }));
  }
  config() {
    return DEF;
  }
}

exports.plugin = { connector: () => new CollectingConnector(), task: () => new CollectingTask() };
