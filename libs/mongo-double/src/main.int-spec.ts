import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { MongoClient } from 'mongodb';

const MAIN = path.resolve(__dirname, '../dist/main.js');
const isBuilt = fs.existsSync(MAIN);

async function startProcess(args: readonly string[]): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await new Promise<string>((resolve) => child.stdout!.once('data', (line: Buffer) => resolve(String(line).trim())));
  return { child, url };
}

const exitOf = (child: ChildProcess): Promise<unknown> => new Promise((resolve) => child.once('exit', resolve));

/** Needs `tsc -b libs/mongo-double`. */
(isBuilt ? describe : describe.skip)('a double in a process of its own', () => {
  it('has all that it answered when it is started again after a SIGKILL', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mongo-double-'));
    const file = path.join(folder, 'changes.bson');
    const first = await startProcess(['--file', file]);
    let client = await MongoClient.connect(first.url);
    const collection = client.db('shop').collection<{ _id: number; v?: number }>('c');
    const stream = client.watch([], { maxAwaitTimeMS: 50 });
    await stream.tryNext();
    await collection.insertMany([{ _id: 1 }, { _id: 2 }, { _id: 3 }]);
    await collection.updateOne({ _id: 1 }, { $set: { v: 1 } });
    await collection.deleteOne({ _id: 2 });
    const inserted = await stream.next();
    await stream.close();
    first.child.kill('SIGKILL');
    await exitOf(first.child);
    await client.close();

    // A write that was cut off by the kill is not there, and does no harm.
    fs.appendFileSync(file, Buffer.from([0x40, 0, 0, 0, 1, 2]));
    const port = new URL(first.url).port;
    const second = await startProcess(['--file', file, '--port', port]);
    client = await MongoClient.connect(second.url);
    expect(await client.db('shop').collection('c').find().toArray()).toEqual([{ _id: 1, v: 1 }, { _id: 3 }]);
    const resumed = client.watch([], { resumeAfter: inserted._id });
    const types: string[] = [];
    while (types.length < 4) types.push((await resumed.next()).operationType);
    expect(types).toEqual(['insert', 'insert', 'update', 'delete']);
    await resumed.close();
    await client.close();
    second.child.kill('SIGTERM');
    await exitOf(second.child);
    fs.rmSync(folder, { recursive: true });
  });
});
