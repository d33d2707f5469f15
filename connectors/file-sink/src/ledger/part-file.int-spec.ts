import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { NODE_FILE_SYSTEM } from '../disk/file-system.js';
import { PartFile } from './part-file.js';

test('what could not be compressed is compressed when it is tried again', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'part-file-'));
  try {
    const file = path.join(folder, 'a.part');
    const noLevel = 10;
    const part = new PartFile(NODE_FILE_SYSTEM, file, noLevel, 'a.part', '', '', 0);
    part.append('first\n');
    await expect(part.finish()).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    expect(part.bufferedBytes).toBe(6);
    part.append('second\n');
    Object.assign(part, { gzipLevel: 6 });
    await part.finish();
    expect(zlib.gunzipSync(fs.readFileSync(file)).toString()).toBe('first\nsecond\n');
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});
