'use strict';
// Stands in for Kafka's file connectors, by their names and settings, so that both kinds of worker can be asked the same.
const fs = require('node:fs');
const { setTimeout: delay } = require('node:timers/promises');
const { ConfigDef, ConnectError, Schema, SinkConnector, SinkTask, SourceConnector, SourceTask } = require('@millrace/connect-api');

const SOURCE = new ConfigDef({
  file: { kind: 'string', default: null, importance: 'high', doc: 'The file to read.' },
  topic: { kind: 'string', importance: 'high', doc: 'Where its lines go.', check: (it) => (it === '' ? 'String must be non-empty' : undefined) },
  'batch.size': { kind: 'int', default: '2000', importance: 'low', doc: 'Lines per poll.' },
});
const SINK = new ConfigDef({ file: { kind: 'string', default: null, importance: 'high', doc: 'The file to write.' } });

class FileStreamSourceConnector extends SourceConnector {
  config() {
    return SOURCE;
  }
  start(_context, config) {
    this.settings = config;
  }
  taskConfigs() {
    return [this.settings];
  }
  alterOffsets(_config, offsets) {
    for (const [partition, offset] of offsets) {
      if (offset === null) continue;
      if (!('position' in offset)) throw new ConnectError("Offset objects should either be null or contain the key 'position'");
      if (!['number', 'bigint'].includes(typeof offset.position)) throw new ConnectError("The value for the 'position' key in the offset is expected to be a Long value");
      if (offset.position < 0) throw new ConnectError("The value for the 'position' key in the offset should be a non-negative value");
      if (!('filename' in partition)) throw new ConnectError("Partition objects should contain the key 'filename'");
    }
    return true;
  }
}

class FileStreamSourceTask extends SourceTask {
  async start(context) {
    this.context = context;
    this.partition = { filename: context.config.file };
    this.position = Number((await context.offset(this.partition))?.position ?? 0);
  }
  async poll() {
    const { file, topic } = this.context.config;
    const bytes = fs.existsSync(file) ? fs.readFileSync(file).subarray(this.position) : Buffer.alloc(0);
    const lines = bytes.subarray(0, bytes.lastIndexOf(10) + 1).toString('utf8').split('\n').slice(0, -1);
    if (lines.length === 0) await delay(100, undefined, { signal: this.context.signal }).catch(() => undefined);
    return lines.map((line) => {
      this.position += Buffer.byteLength(line) + 1;
      return { topic, keySchema: null, key: null, valueSchema: Schema.of('string'), value: line, sourcePartition: this.partition, sourceOffset: { position: this.position } };
    });
  }
  stop() {}
}

class FileStreamSinkConnector extends SinkConnector {
  config() {
    return SINK;
  }
  start(_context, config) {
    this.settings = config;
  }
  taskConfigs(tasksMax) {
    return Array.from({ length: tasksMax }, () => this.settings);
  }
  alterOffsets() {
    return true;
  }
}

class FileStreamSinkTask extends SinkTask {
  start(context) {
    this.file = context.config.file;
  }
  put(records) {
    for (const record of records) fs.appendFileSync(this.file, `${String(record.value)}\n`);
  }
  stop() {}
}

exports.source = { connector: () => new FileStreamSourceConnector(), task: () => new FileStreamSourceTask() };
exports.sink = { connector: () => new FileStreamSinkConnector(), task: () => new FileStreamSinkTask() };
