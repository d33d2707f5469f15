import net from 'node:net';
import { MongoDouble } from '@millrace/mongo-double';
import { MongoSourceConnector } from './mongo-source-connector.js';

const connector = new MongoSourceConnector();

async function errorsOf(config: Record<string, string>): Promise<Record<string, string[]>> {
  const values = await connector.validate({ 'topic.prefix': 'ref', 'connection.validation.timeout.ms': '1500', ...config });
  return Object.fromEntries(values.filter((it) => it.errors.length > 0).map((it) => [it.name, it.errors]));
}

describe('the check of the settings', () => {
  let double: MongoDouble;
  beforeAll(async () => {
    double = await MongoDouble.start({ user: 'ann', password: 'right' });
  });
  afterAll(() => double.close());
  const reachable = (more: Record<string, string> = {}): Record<string, string> => ({ 'mongodb.connection.string': double.url, 'mongodb.user': 'ann', 'mongodb.password': 'right', ...more });

  it('finds nothing wrong with what works', async () => {
    expect(await errorsOf(reachable())).toEqual({});
    expect(await errorsOf(reachable({ 'capture.scope': 'database', 'capture.target': 'shop', 'cursor.oversize.handling.mode': 'split' }))).toEqual({});
  });

  it('says who is not let in, and never shows a secret', async () => {
    const wrong = await errorsOf(reachable({ 'mongodb.password': 'geheim' }));
    expect(Object.keys(wrong)).toEqual(['mongodb.password']);
    const inString = await errorsOf({ 'mongodb.connection.string': `mongodb://ann:geheim@${double.host}:${double.port}/?replicaSet=rs0&authSource=admin` });
    expect(Object.keys(inString)).toEqual(['mongodb.password']);
    const broken = await errorsOf({ 'mongodb.connection.string': 'http://ann:geheim@host' });
    expect(Object.keys(broken)).toEqual(['mongodb.connection.string']);
    expect(Object.keys(await errorsOf({ 'mongodb.connection.string': double.url }))).toEqual(['mongodb.user']);
    expect(JSON.stringify([wrong, inString, broken])).not.toContain('geheim');
  });

  it('says that nobody answers, or that it is not a replica set', async () => {
    const silent = net.createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as net.AddressInfo;
    const none = await errorsOf({ 'mongodb.connection.string': `mongodb://u:geheim@127.0.0.1:${port}/` });
    expect(none['mongodb.connection.string']![0]).toMatch(/^Unable to connect/);
    expect(JSON.stringify(none)).not.toContain('geheim');
    await new Promise((resolve) => silent.close(resolve));
    const other = await errorsOf(reachable({ 'mongodb.connection.string': double.url.replace('rs0', 'another') }));
    expect(Object.keys(other)).toEqual(['mongodb.connection.string']);
  });

  it('finds settings that do not go together, or are not well formed', async () => {
    expect(Object.keys(await errorsOf(reachable({ 'database.include.list': 'a', 'database.exclude.list': 'b' })))).toEqual(['database.exclude.list']);
    expect(Object.keys(await errorsOf(reachable({ 'collection.include.list': 'a', 'collection.exclude.list': 'b' })))).toEqual(['collection.exclude.list']);
    expect(Object.keys(await errorsOf(reachable({ 'capture.scope': 'database' })))).toEqual(['capture.target']);
    expect(Object.keys(await errorsOf(reachable({ 'capture.scope': 'collection', 'capture.target': 'shop' })))).toEqual(['capture.target']);
    expect(Object.keys(await errorsOf(reachable({ 'collection.include.list': 'shop.(' })))).toEqual(['collection.include.list']);
    expect(Object.keys(await errorsOf(reachable({ 'cursor.pipeline': '{"$match": {}}' })))).toEqual(['cursor.pipeline']);
    expect(Object.keys(await errorsOf(reachable({ 'cursor.oversize.handling.mode': 'skip' })))).toEqual(['cursor.oversize.skip.threshold']);
    expect(Object.keys(await errorsOf(reachable({ 'field.exclude.list': 'shop.orders' })))).toEqual(['field.exclude.list']);
    expect(Object.keys(await errorsOf(reachable({ 'field.renames': 'shop.orders.a' })))).toEqual(['field.renames']);
    expect(Object.keys(await errorsOf(reachable({ 'snapshot.collection.filter.overrides': 'shop.a' })))).toEqual(['snapshot.collection.filter.overrides']);
    expect(Object.keys(await errorsOf(reachable({ 'notification.enabled.channels': 'sink' })))).toEqual(['notification.sink.topic.name']);
    expect(Object.keys(await errorsOf(reachable({ 'topic.prefix': 'not good' })))).toEqual(['topic.prefix']);
  });

  it('refuses by name what is not built', async () => {
    const errors = await errorsOf(reachable({ 'signal.data.collection': 'shop.signals', 'provide.transaction.metadata': 'true', 'mongodb.connection.mode': 'replica_set', 'snapshot.mode': 'custom' }));
    expect(Object.keys(errors).sort()).toEqual(['mongodb.connection.mode', 'provide.transaction.metadata', 'signal.data.collection', 'snapshot.mode']);
  });
});
