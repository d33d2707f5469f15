'use strict';
// A record for each signal that its task takes; a signal that asks for nothing is refused.
const { setTimeout: delay } = require('node:timers/promises');
const { ConfigDef, ConfigError, SourceConnector, SourceTask } = require('@millrace/connect-api');

class SignalledConnector extends SourceConnector {
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

class SignalledTask extends SourceTask {
  start(context) {
    this.context = context;
    this.taken = [];
  }
  onSignal({ id, type, data }) {
    if (!data['data-collections']) throw new ConfigError('data-collections is missing', 'data');
    this.taken.push(JSON.stringify({ id, type, data }));
  }
  async poll() {
    await delay(50, undefined, { signal: this.context.signal }).catch(() => undefined);
    return this.taken.splice(0).map((value, i) => ({ topic: 'signalled', keySchema: null, key: null, valueSchema: null, value, sourcePartition: { from: 'here' }, sourceOffset: { i } }));
  }
  stop() {}
}

exports.source = { connector: () => new SignalledConnector(), task: () => new SignalledTask() };
