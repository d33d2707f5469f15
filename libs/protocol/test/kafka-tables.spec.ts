import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { APIS, ErrorCode, headerVersions, isRetriableError } from '@millrace/protocol';
import { peerClassPath, peersMissing } from '@millrace/testkit';

const missing = peersMissing();
const unless = missing === undefined ? describe : describe.skip;

unless(`Apache Kafka's tables${missing === undefined ? '' : ` (${missing})`}`, () => {
  let lines: string[] = [];
  beforeAll(() => {
    const java = spawnSync('java', ['-cp', peerClassPath(), path.join(__dirname, 'KafkaTables.java')], { encoding: 'utf8' });
    lines = java.stdout.trimEnd().split('\n');
  });

  it('have our error codes, names and retriability', () => {
    const ours = Object.entries(ErrorCode).map(([name, code]) => `error ${code} ${name} ${isRetriableError(code)}`);
    expect(new Set(ours)).toEqual(new Set(lines.filter((it) => it.startsWith('error'))));
  });

  it('have our versions and header versions for each API that we know', () => {
    const theirs = new Map(lines.filter((it) => it.startsWith('api')).map((it) => [Number(it.split(' ')[1]), it]));
    for (const { apiKey, minVersion, maxVersion } of APIS) {
      const versions = Array.from({ length: maxVersion - minVersion + 1 }, (_, index) => minVersion + index);
      const headers = versions.map((version) => {
        const { request, response } = headerVersions(apiKey, version);
        return `${request}/${response}`;
      });
      expect(`api ${apiKey} ${minVersion} ${maxVersion} ${headers.join(',')}`).toBe(theirs.get(apiKey));
    }
  });
});
