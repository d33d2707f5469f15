import { bannedFolders, exportStars, longFiles, machinePaths, strayIndexes } from './rules.js';

const file = (path: string, text = ''): { path: string; text: string } => ({ path, text });

describe('tidy', () => {
  it('finds each smell that it looks for, and nothing in a clean file', () => {
    const clean = file('libs/log/src/broker.ts', 'export const a = 1;\n');
    expect([longFiles, bannedFolders, exportStars, strayIndexes, machinePaths].flatMap((rule) => rule([clean, file('libs/log/src/index.ts')]))).toEqual([]);
    expect(longFiles([file('a.ts', '\n'.repeat(601))])).toHaveLength(1);
    expect(bannedFolders([file('libs/log/src/utils/a.ts')])[0]?.detail).toContain('"utils"');
    expect(exportStars([file('a.ts', "export * from './b.js';")])).toHaveLength(1);
    expect(strayIndexes([file('libs/log/src/handlers/index.ts')])).toHaveLength(1);
    expect(machinePaths([file('a.ts', `const p = '${'/'}work/main/x';`)])).toHaveLength(1);
  });
});
