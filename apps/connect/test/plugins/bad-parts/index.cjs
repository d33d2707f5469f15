'use strict';
// Converters, transformations and a sink that go wrong in the ways that Kafka Connect's own tests think of.
const fs = require('node:fs');
const { ConfigDef, ConnectError, RetriableError, SinkConnector, SinkTask, Transformation } = require('@millrace/connect-api');

const NOTHING = new ConfigDef({});
const PROP = new ConfigDef({ prop: { kind: 'boolean', importance: 'high', doc: 'True or false.' } });

class PlainConverter {
  configure() {}
  fromConnectData(_topic, _schema, value) {
    return value === null ? null : Buffer.from(String(value));
  }
  toConnectData(_topic, bytes) {
    return { schema: null, value: bytes && Buffer.from(bytes).toString() };
  }
}

/** One record fails once, another one always. */
class FaultyPassthrough extends Transformation {
  config() {
    return NOTHING;
  }
  configure() {
    this.isFirst = true;
  }
  apply(record) {
    if (record.value === 'value-4' && this.isFirst) {
      this.isFirst = false;
      throw new RetriableError("Error when value='value-4'. A reattempt with this record will succeed.");
    }
    if (record.value === 'value-7') throw new RetriableError("Error when value='value-7'");
    return record;
  }
}

const FILE = new ConfigDef({ file: { kind: 'string', importance: 'high', doc: 'Takes the number of each put.' } });

class ErrantRecordSinkConnector extends SinkConnector {
  start(_context, config) {
    this.settings = config;
  }
  taskConfigs() {
    return [this.settings];
  }
  config() {
    return FILE;
  }
  stop() {}
}

class ErrantRecordSinkTask extends SinkTask {
  start(context) {
    this.context = context;
  }
  async put(records) {
    fs.appendFileSync(this.context.config.file, `${records.length}\n`);
    await Promise.all(records.map((it) => this.context.errantRecordReporter.report(it, new ConnectError('none of them is liked'))));
  }
  stop() {}
}

const thrown = () => {
  throw new ConnectError('it cannot be made');
};
exports.throwing = { converter: thrown, headerConverter: thrown, transformation: thrown };
exports.nothing = {};
exports.checking = { converter: () => new PlainConverter(), config: PROP };
exports.silent = { converter: () => new PlainConverter() };
exports.faulty = { transformation: () => new FaultyPassthrough() };
exports.errant = { connector: () => new ErrantRecordSinkConnector(), task: () => new ErrantRecordSinkTask() };
