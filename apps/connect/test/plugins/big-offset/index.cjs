'use strict';
// One record, whose position is beyond what a JavaScript number holds.
const { setTimeout: delay } = require('node:timers/promises');
const { ConfigDef, SourceConnector, SourceTask } = require('@millrace/connect-api');

class BigOffsetConnector extends SourceConnector {
  config() {
    return new ConfigDef({});
  }
  start(_context, config) {
    this.settings = config;
  }
  taskConfigs() {
    return [this.settings];
  }
}

class BigOffsetTask extends SourceTask {
  start(context) {
    this.context = context;
  }
  async poll() {
    if (this.isDone) await delay(200, undefined, { signal: this.context.signal }).catch(() => undefined);
    if (this.isDone) return [];
    this.isDone = true;
    return [{ topic: 'big', keySchema: null, key: null, valueSchema: null, value: 'x', sourcePartition: { from: 'here' }, sourceOffset: { position: 2n ** 60n + 1n, isLast: true } }];
  }
  stop() {}
}

exports.source = { connector: () => new BigOffsetConnector(), task: () => new BigOffsetTask() };
