import { Binary, BSON, Decimal128, Double, Int32, Long, MaxKey, MinKey, MongoClient, ObjectId, Timestamp, type ChangeStream, type ChangeStreamDocument, type Document } from 'mongodb';
import { MongoDouble, type MongoDoubleOptions } from './mongo-double.js';

/** MongoDB's own driver is the judge here: what it takes for a replica set, the double is. */
describe('the double, seen by the driver', () => {
  let double: MongoDouble;
  let client: MongoClient;
  const open: ChangeStream[] = [];

  async function start(options: MongoDoubleOptions = {}): Promise<void> {
    double = await MongoDouble.start(options);
    client = await MongoClient.connect(double.url, { serverSelectionTimeoutMS: 5000 });
  }
  afterEach(async () => {
    for (const stream of open.splice(0)) await stream.close();
    await client?.close();
    await double?.close();
  });

  /** A stream that goes on from somewhere: opened by its first read. */
  function resumed<T extends Document>(stream: ChangeStream<T>): ChangeStream {
    open.push(stream as unknown as ChangeStream);
    return stream as unknown as ChangeStream;
  }

  /** A stream from now on. */
  async function watching<T extends Document>(stream: ChangeStream<T>): Promise<ChangeStream> {
    await stream.tryNext();
    return resumed(stream);
  }

  async function events(stream: ChangeStream, count: number): Promise<ChangeStreamDocument[]> {
    const found: ChangeStreamDocument[] = [];
    while (found.length < count) found.push(await stream.next());
    return found;
  }

  it('keeps documents of every type as they were', async () => {
    await start();
    const document = {
      _id: new ObjectId(), d: new Double(1.5), s: 'ü€😀', o: { x: { y: [1, 'two', null] } }, b: new Binary(Buffer.from('00ff', 'hex'), 5), t: true, when: new Date(-1), n: null, r: /a.b/i,
      code: new BSON.Code('x', { y: 1 }), i: new Int32(-7), ts: new Timestamp({ t: 5, i: 6 }), l: Long.fromString('9223372036854775807'), dec: Decimal128.fromString('1.10'), min: new MinKey(), max: new MaxKey(), sym: new BSON.BSONSymbol('s'),
    };
    const bytes = BSON.serialize(document);
    const collection = client.db('shop').collection('all');
    await collection.insertOne(document);
    const [found] = await collection.find({}, { raw: true }).toArray();
    expect(Buffer.from(found as unknown as Uint8Array).equals(Buffer.from(bytes))).toBe(true);
  });

  it('answers queries, in batches', async () => {
    await start();
    const collection = client.db('shop').collection<{ _id: number; even: boolean }>('numbers');
    await collection.insertMany(Array.from({ length: 250 }, (_, _id) => ({ _id, even: _id % 2 === 0 })));
    expect(await collection.find({ _id: { $gte: 10, $lt: 20 }, even: true }).sort({ _id: -1 }).limit(3).toArray()).toEqual([18, 16, 14].map((_id) => ({ _id, even: true })));
    expect(await collection.find().batchSize(7).toArray()).toHaveLength(250);
    expect(await collection.countDocuments({ even: true })).toBe(125);
    expect(await collection.estimatedDocumentCount()).toBe(250);
    expect(await collection.aggregate([{ $match: { _id: { $gt: 240 } } }, { $sort: { _id: -1 } }, { $limit: 1 }, { $project: { _id: 1 } }]).toArray()).toEqual([{ _id: 249 }]);
    expect((await client.db().admin().listDatabases()).databases.map((it) => it.name)).toContain('shop');
    expect((await client.db('shop').listCollections().toArray()).map((it) => it.name)).toEqual(['numbers']);
    await expect(collection.insertOne({ _id: 1, even: false })).rejects.toMatchObject({ code: 11000 });
    await expect(collection.find({ $where: '1' }).toArray()).rejects.toThrow('mongo-double does not know the query operator $where');
  });

  it('streams the changes of a collection, a database and the deployment', async () => {
    await start();
    const collection = client.db('shop').collection<Document & { _id: number }>('orders');
    const streams = [await watching(collection.watch()), await watching(client.db('shop').watch()), await watching(client.watch())];
    await collection.insertOne({ _id: 1, a: 1, list: [1, 2, 3], in: { x: 1, y: 2 } });
    await collection.updateOne({ _id: 1 }, { $set: { 'in.x': 5, b: 2 }, $unset: { a: 1 }, $push: { list: 4 } } as Document);
    await collection.updateOne({ _id: 1 }, [{ $set: { list: { $slice: ['$list', 2] } } }]);
    await collection.replaceOne({ _id: 1 }, { c: 1 });
    await collection.deleteOne({ _id: 1 });
    for (const stream of streams) {
      const [insert, update, cut, replace, removal] = (await events(stream, 5)) as Document[];
      expect(insert).toMatchObject({ operationType: 'insert', ns: { db: 'shop', coll: 'orders' }, documentKey: { _id: 1 }, fullDocument: { _id: 1, a: 1 } });
      expect(insert!.clusterTime).toBeInstanceOf(Timestamp);
      expect(insert!.wallTime).toBeInstanceOf(Date);
      expect(update!.updateDescription).toEqual({ updatedFields: { 'list.3': 4, 'in.x': 5, b: 2 }, removedFields: ['a'], truncatedArrays: [] });
      expect(cut!.updateDescription).toEqual({ updatedFields: {}, removedFields: [], truncatedArrays: [{ field: 'list', newSize: 2 }] });
      expect(replace).toMatchObject({ operationType: 'replace', fullDocument: { _id: 1, c: 1 } });
      expect(removal).toMatchObject({ operationType: 'delete', documentKey: { _id: 1 } });
    }
  });

  it('resumes behind an event, at a time, and behind a quiet position', async () => {
    await start();
    const collection = client.db('shop').collection<{ _id: number }>('orders');
    const stream = await watching(collection.watch());
    for (let _id = 0; _id < 5; _id++) await collection.insertOne({ _id });
    const seen = (await events(stream, 5)) as unknown as { _id: unknown; clusterTime: Timestamp; documentKey: { _id: number } }[];
    const after = resumed(collection.watch([], { resumeAfter: seen[1]!._id }));
    expect((await events(after, 3)).map((it) => (it as Document).documentKey._id)).toEqual([2, 3, 4]);
    const at = resumed(collection.watch([], { startAtOperationTime: seen[3]!.clusterTime }));
    expect((await events(at, 2)).map((it) => (it as Document).documentKey._id)).toEqual([3, 4]);
    await client.db('other').collection('noise').insertOne({});
    await stream.tryNext();
    const quiet = stream.resumeToken;
    expect(quiet).not.toEqual(seen[4]!._id);
    await collection.insertOne({ _id: 9 });
    const behind = resumed(collection.watch([], { startAfter: quiet }));
    expect((await events(behind, 1)).map((it) => (it as Document).documentKey._id)).toEqual([9]);
  });

  it('has images before and after, and looks documents up', async () => {
    await start();
    await client.db('shop').createCollection('plain');
    const collection = await client.db('shop').createCollection<{ _id: number; v: number }>('images', { changeStreamPreAndPostImages: { enabled: true } });
    const before = await watching(client.watch([], { fullDocument: 'whenAvailable', fullDocumentBeforeChange: 'whenAvailable' }));
    const lookup = await watching(client.watch([], { fullDocument: 'updateLookup' }));
    for (const name of ['images', 'plain']) {
      const at = client.db('shop').collection<{ _id: number; v: number }>(name);
      await at.insertOne({ _id: 1, v: 1 });
      await at.updateOne({ _id: 1 }, { $inc: { v: 1 } });
      await at.updateOne({ _id: 1 }, { $inc: { v: 1 } });
      await at.deleteOne({ _id: 1 });
    }
    const shown = ((await events(before, 8)) as Document[]).map((it) => [it.fullDocument?.v, it.fullDocumentBeforeChange === undefined ? 'absent' : it.fullDocumentBeforeChange?.v]);
    expect(shown).toEqual([[1, 'absent'], [2, 1], [3, 2], [undefined, 3], [1, 'absent'], [undefined, undefined], [undefined, undefined], [undefined, undefined]]);
    expect(((await events(lookup, 8)) as Document[]).map((it) => (it.fullDocument === undefined ? 'absent' : it.fullDocument?.v))).toEqual([1, undefined, undefined, 'absent', 1, undefined, undefined, 'absent']);
    await collection.insertOne({ _id: 2, v: 1 });
    const required = await watching(client.db('shop').collection('plain').watch([], { fullDocumentBeforeChange: 'required' }));
    await client.db('shop').collection<{ _id: number }>('plain').insertOne({ _id: 5 });
    await client.db('shop').collection<{ _id: number }>('plain').deleteOne({ _id: 5 });
    await events(required, 1);
    await expect(required.next()).rejects.toMatchObject({ code: 47 });
  });

  it('filters and shapes events as a pipeline says, and keeps the token', async () => {
    await start();
    const stream = await watching(
      client.watch([
        { $replaceRoot: { newRoot: { namespace: { $concat: ['$ns.db', '.', '$ns.coll'] }, event: '$$ROOT' } } },
        { $match: { $and: [{ namespace: { $regex: 'shop[.]a|shop[.]c', $options: 'i' } }, { 'event.operationType': { $in: ['insert'] } }] } },
        { $replaceRoot: { newRoot: '$event' } },
        { $match: { $expr: { $lte: [{ $bsonSize: '$fullDocument' }, 200] } } },
        { $addFields: { extra: '$fullDocument.v' } },
        { $project: { wallTime: 0 } },
      ]),
    );
    for (const name of ['a', 'b', 'c']) {
      await client.db('shop').collection(name).insertOne({ v: name });
      await client.db('shop').collection(name).insertOne({ v: 'x'.repeat(300) });
      await client.db('shop').collection(name).deleteOne({ v: name });
    }
    const found = (await events(stream, 2)) as Document[];
    expect(found.map((it) => [it.ns.coll, it.extra, it.wallTime])).toEqual([['a', 'a', undefined], ['c', 'c', undefined]]);
    const broken = client.watch([{ $project: { _id: 0 } }]);
    open.push(broken);
    // It begins at some insert: there are more until it has met one.
    let isOver = false;
    const next = broken.next().finally(() => (isOver = true));
    const inserting = (async () => {
      while (!isOver) await client.db('shop').collection('a').insertOne({});
    })();
    await expect(next).rejects.toThrow();
    await inserting;
  });

  it('ends a stream whose collection or database is gone, and starts after that', async () => {
    await start();
    const collection = client.db('shop').collection('orders');
    await collection.insertOne({});
    const ofCollection = await watching(collection.watch());
    const ofDatabase = await watching(client.db('shop').watch());
    const ofAll = await watching(client.watch());
    await collection.rename('renamed');
    await client.db('shop').dropDatabase();
    expect(((await events(ofCollection, 2)) as Document[]).map((it) => it.operationType)).toEqual(['rename', 'invalidate']);
    const invalidated = (await events(ofDatabase, 4)) as Document[];
    expect(invalidated.map((it) => it.operationType)).toEqual(['rename', 'drop', 'dropDatabase', 'invalidate']);
    expect(((await events(ofAll, 3)) as Document[]).map((it) => it.operationType)).toEqual(['rename', 'drop', 'dropDatabase']);
    await client.db('shop').collection('orders').insertOne({});
    const again = resumed(client.db('shop').watch([], { startAfter: invalidated[3]!._id }));
    expect(((await events(again, 1)) as Document[])[0]!.operationType).toBe('insert');
    await expect(client.db('shop').watch([], { resumeAfter: invalidated[3]!._id }).next()).rejects.toMatchObject({ code: 260 });
  });

  it('commits transactions at one time and keeps them to themselves before', async () => {
    await start();
    const collection = client.db('shop').collection<{ _id: number; v?: number }>('orders');
    await collection.insertOne({ _id: 0 });
    const stream = await watching(client.watch());
    await client.withSession(async (session) => {
      await session.withTransaction(async () => {
        await collection.insertMany([{ _id: 1 }, { _id: 2 }], { session });
        await collection.updateOne({ _id: 1 }, { $set: { v: 1 } }, { session });
        expect(await collection.countDocuments({}, { session })).toBe(3);
        expect(await collection.countDocuments({})).toBe(1);
      });
      session.startTransaction();
      await collection.insertOne({ _id: 99 }, { session });
      await session.abortTransaction();
    });
    const found = (await events(stream, 3)) as Document[];
    expect(new Set(found.map((it) => String(it.clusterTime))).size).toBe(1);
    expect(found.map((it) => Number(it.txnNumber))).toEqual(Array(3).fill(Number(found[0]!.txnNumber)));
    expect(found[0]!.lsid).toHaveProperty('uid');
    const rest = resumed(client.watch([], { resumeAfter: found[0]!._id }));
    expect(((await events(rest, 2)) as Document[]).map((it) => it.documentKey._id)).toEqual([2, 1]);
    expect(await collection.countDocuments()).toBe(3);
  });

  it('refuses an event that is too large, or splits it', async () => {
    await start({ eventBytesMax: 4000 });
    const collection = await client.db('shop').createCollection<Document & { _id: number }>('big', { changeStreamPreAndPostImages: { enabled: true } });
    await collection.insertOne({ _id: 1, text: 'x'.repeat(2500) });
    const plain = await watching(collection.watch([], { fullDocument: 'whenAvailable', fullDocumentBeforeChange: 'whenAvailable' }));
    const split = await watching(collection.watch([{ $changeStreamSplitLargeEvent: {} }], { fullDocument: 'whenAvailable', fullDocumentBeforeChange: 'whenAvailable' }));
    await collection.updateOne({ _id: 1 }, { $set: { n: 1 } });
    await expect(plain.next()).rejects.toMatchObject({ code: 10334 });
    const fragments = (await events(split, 2)) as Document[];
    expect(fragments.map((it) => it.splitEvent)).toEqual([{ fragment: 1, of: 2 }, { fragment: 2, of: 2 }]);
    expect(Object.assign({}, ...fragments)).toMatchObject({ operationType: 'update', fullDocument: { n: 1 }, fullDocumentBeforeChange: { _id: 1 } });
    const second = resumed(collection.watch([{ $changeStreamSplitLargeEvent: {} }], { fullDocument: 'whenAvailable', fullDocumentBeforeChange: 'whenAvailable', resumeAfter: fragments[0]!._id }));
    expect(((await events(second, 1)) as Document[])[0]!.splitEvent).toEqual({ fragment: 2, of: 2 });
  });

  it('fails as it is told to', async () => {
    await start();
    const collection = client.db('shop').collection('orders');
    await client.db('admin').command({ configureFailPoint: 'failCommand', mode: { times: 1 }, data: { failCommands: ['find'], errorCode: 13 } });
    await expect(collection.findOne({})).rejects.toMatchObject({ code: 13, codeName: 'Unauthorized' });
    expect(await collection.findOne({})).toBeNull();
    double.failCommands({ commands: ['insert'], times: 1, closesConnection: true });
    await collection.insertOne({ _id: new ObjectId() });
    expect(await collection.countDocuments()).toBe(1);
    double.failCommands({ commands: ['aggregate'], times: 1, delayMs: 150 });
    const startMs = performance.now();
    await collection.aggregate([]).toArray();
    expect(performance.now() - startMs).toBeGreaterThan(140);
    const stream = await watching(collection.watch());
    const token = stream.resumeToken;
    await collection.insertOne({});
    double.forgetOplog();
    await collection.insertOne({});
    await expect(collection.watch([], { resumeAfter: token }).next()).rejects.toMatchObject({ code: 286 });
  });

  it('is there again after a restart, with its data, and a stream goes on', async () => {
    await start();
    const collection = client.db('shop').collection<{ _id: number }>('orders');
    const stream = await watching(collection.watch());
    await collection.insertOne({ _id: 1 });
    await double.restart();
    await collection.insertOne({ _id: 2 });
    double.cutConnections();
    await collection.insertOne({ _id: 3 });
    expect((await events(stream, 3)).map((it) => (it as Document).documentKey._id)).toEqual([1, 2, 3]);
  }, 60_000);

  it('needs a login when it has a user', async () => {
    double = await MongoDouble.start({ user: 'ann', password: 'pw' });
    client = new MongoClient(double.url, { auth: { username: 'ann', password: 'pw' }, serverSelectionTimeoutMS: 3000 });
    expect(await client.db('shop').collection('x').countDocuments()).toBe(0);
    const wrong = new MongoClient(double.url, { auth: { username: 'ann', password: 'other' }, serverSelectionTimeoutMS: 3000 });
    await expect(wrong.db('shop').collection('x').countDocuments()).rejects.toMatchObject({ code: 18 });
    await wrong.close();
    const none = new MongoClient(double.url, { serverSelectionTimeoutMS: 3000 });
    await expect(none.db('shop').collection('x').countDocuments()).rejects.toMatchObject({ code: 13 });
    await none.close();
  });
});
