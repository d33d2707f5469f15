'use strict';
// One plugin of each kind, of a version that it writes into its records; each version has a setting of its own.
const { ConfigDef, Predicate, Schema, SourceConnector, SourceTask, Transformation } = require('@millrace/connect-api');

module.exports = (version) => {
  const DEF = new ConfigDef({
    topic: { kind: 'string', importance: 'high', doc: 'Where the records go.' },
    [`since.${version}`]: { kind: 'string', default: '', importance: 'low', doc: 'New in this version.' },
  });
  const NOTHING = new ConfigDef({});

  class VersionedSourceConnector extends SourceConnector {
    config() {
      return DEF;
    }
    start(_context, config) {
      this.settings = config;
    }
    taskConfigs() {
      return [this.settings];
    }
    stop() {}
  }

  class VersionedSourceTask extends SourceTask {
    async start(context) {
      this.topic = context.config.topic;
      this.isDone = (await context.offset({ part: 'all' }))?.version === version;
      this.context = context;
    }
    async poll() {
      if (this.isDone) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        return [];
      }
      this.isDone = true;
      return [{ topic: this.topic, keySchema: null, key: null, valueSchema: Schema.of('string'), value: `source ${version}`, sourcePartition: { part: 'all' }, sourceOffset: { version } }];
    }
    stop() {}
  }

  class Stamp extends Transformation {
    config() {
      return NOTHING;
    }
    configure() {}
    apply(record) {
      return { ...record, value: `${record.value}, stamp ${version}` };
    }
  }

  /** Only the first version has seen stamps. */
  class IsStamped extends Predicate {
    config() {
      return NOTHING;
    }
    configure() {}
    test() {
      return version === '1.0.0';
    }
  }

  class StampConverter {
    configure() {}
    fromConnectData(_topic, _schema, value) {
      return Buffer.from(`${value}, converter ${version}`);
    }
    toConnectData(_topic, bytes) {
      return { schema: null, value: bytes && Buffer.from(bytes).toString() };
    }
  }

  return {
    source: { connector: () => new VersionedSourceConnector(), task: () => new VersionedSourceTask() },
    stamp: { transformation: () => new Stamp() },
    isStamped: { predicate: () => new IsStamped() },
    converter: { converter: () => new StampConverter() },
  };
};
