'use strict';
// A sink that writes down what it is given, and which partitions come, are committed and go: a line each.
const fs = require('node:fs');
const { ConfigDef, SinkConnector, SinkTask } = require('@millrace/connect-api');

const DEF = new ConfigDef({ 'log.file': { kind: 'string', importance: 'high', doc: 'Takes a line for each call.' } });
const names = (partitions) => [...partitions].map((it) => `${it.topic}-${it.partition}`).sort().join(' ');

class OpeningSinkConnector extends SinkConnector {
  start(_context, config) {
    this.settings = config;
  }
  taskConfigs(tasksMax) {
    return Array.from({ length: tasksMax }, () => this.settings);
  }
  stop() {}
  config() {
    return DEF;
  }
}

class OpeningSinkTask extends SinkTask {
  start({ config }) {
    this.note = (call, what) => fs.appendFileSync(config['log.file'], `${call} ${what}\n`);
  }
  open(partitions) {
    this.note('open', names(partitions));
  }
  close(partitions) {
    this.note('close', names(partitions));
  }
  preCommit(offsets) {
    this.note('commit', names(offsets.keys()));
    return Promise.resolve(offsets);
  }
  put(records) {
    for (const { value } of records) this.note('put', value);
  }
  stop() {}
}

exports.sink = { connector: () => new OpeningSinkConnector(), task: () => new OpeningSinkTask() };
