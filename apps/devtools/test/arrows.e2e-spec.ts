import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { repositoryRoot } from '@millrace/testkit';

/** Each net is shown a house with one fault, and the same house without it. */
describe('an import against the rings', () => {
  const root = repositoryRoot();
  const house = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-house-'));
  const intruder = path.join(house, 'libs/partition/src/intruder.ts');
  const copied = ['foundation', 'records', 'partition'];

  beforeAll(() => {
    fs.cpSync(path.join(root, 'config/tooling'), path.join(house, 'config/tooling'), { recursive: true });
    for (const file of ['package.json', 'apps/devtools/house.cjs']) fs.cpSync(path.join(root, file), path.join(house, file));
    for (const lib of copied) {
      for (const part of ['src', 'package.json']) fs.cpSync(path.join(root, 'libs', lib, part), path.join(house, 'libs', lib, part), { recursive: true });
    }
    // Enough of a lib that partition may not know.
    fs.mkdirSync(path.join(house, 'libs/storage/src'), { recursive: true });
    fs.writeFileSync(path.join(house, 'libs/storage/src/index.ts'), 'export const secret = 1;\n');
    fs.symlinkSync(path.join(root, 'node_modules'), path.join(house, 'node_modules'));
    run(process.execPath, ['apps/devtools/house.cjs']);
  });
  afterAll(() => fs.rmSync(house, { recursive: true, force: true }));
  afterEach(() => fs.rmSync(intruder, { force: true }));

  function run(program: string, args: readonly string[]): { status: number | null; output: string } {
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: house, encoding: 'utf8' });
    return { status, output: stdout + stderr };
  }
  const bin = (name: string): string => path.join(root, 'node_modules', name);
  const nets = {
    compiler: () => run(process.execPath, [bin('typescript/bin/tsc'), '-b', 'libs/partition']),
    'dependency-cruiser': () => run(process.execPath, [bin('dependency-cruiser/bin/dependency-cruise.mjs'), '--config', 'config/tooling/dependency-cruiser.cjs', 'libs/partition']),
    eslint: () => run(process.execPath, [bin('eslint/bin/eslint.js'), '--config', 'config/tooling/eslint.config.mjs', 'libs/partition/src/intruder.ts', 'libs/partition/src/index.ts']),
  };

  it.each(Object.entries(nets))('is refused by the %s', (name, net) => {
    fs.writeFileSync(intruder, 'export const harmless = 1;\n');
    expect(net()).toMatchObject({ status: 0 });
    fs.writeFileSync(intruder, "import { secret } from '@millrace/storage';\nexport const stolen = secret;\n");
    const { status, output } = net();
    expect(status).not.toBe(0);
    expect(output).toMatch({ compiler: /error TS(6059|6307)/, 'dependency-cruiser': /arrows-of-partition/, eslint: /no arrow partition -> @millrace\/storage/ }[name] ?? /never/);
  }, 60_000);

  it('of a file inside another package is refused, by its name and by a relative path', () => {
    fs.writeFileSync(intruder, "import { ByteReader } from '@millrace/foundation/dist/bytes/byte-reader.js';\nexport const Deep = ByteReader;\n");
    expect(nets.compiler().output).toContain('TS2307');
    expect(nets.eslint().output).toContain('never a file inside it');
    fs.writeFileSync(intruder, "import { ByteReader } from '../../foundation/src/bytes/byte-reader.js';\nexport const Deep = ByteReader;\n");
    expect(nets['dependency-cruiser']().output).toContain('no-deep-import');
  }, 60_000);

  it('a machine that uses setTimeout does not compile', () => {
    fs.writeFileSync(intruder, 'export const late = (): void => void setTimeout(() => undefined, 1);\n');
    const { status, output } = nets.compiler();
    expect(status).not.toBe(0);
    expect(output).toContain("Cannot find name 'setTimeout'");
  }, 60_000);
});
