'use strict';
const { ConfigDef, DataError, Predicate, Schema, Transformation } = require('@millrace/connect-api');

const NOTHING = new ConfigDef({});
const BIG = new ConfigDef({ than: { kind: 'int', importance: 'high', doc: 'Bigger than this.' } });

class RefuseOdd extends Transformation {
  config() {
    return NOTHING;
  }
  configure() {}
  apply(record) {
    if (Number(record.value.get('n')) % 2 === 1) throw new DataError('odd numbers are not liked');
    return { ...record, headers: [...record.headers, { key: 'even', schema: Schema.of('string'), value: 'yes' }] };
  }
}

class IsBig extends Predicate {
  config() {
    return BIG;
  }
  configure(config) {
    this.than = BIG.parse(config).than;
  }
  test(record) {
    return Number(record.value.get('n')) > this.than;
  }
}

class UpperCaseHeaders {
  configure() {}
  fromConnectHeader(_topic, key, _schema, value) {
    return Buffer.from(`${key}=${String(value).toUpperCase()}`);
  }
  toConnectHeader(_topic, _key, bytes) {
    return { schema: null, value: bytes && Buffer.from(bytes).toString() };
  }
}

exports.refuseOdd = { transformation: () => new RefuseOdd() };
exports.isBig = { predicate: () => new IsBig() };
exports.upperCase = { headerConverter: () => new UpperCaseHeaders() };
