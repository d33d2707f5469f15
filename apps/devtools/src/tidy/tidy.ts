import fs from 'node:fs';
import path from 'node:path';
import { RULES, type Finding } from './rules.js';
import { sourceFiles } from './source-files.js';

/** What is not tidy: each finding that the baseline does not know, and each line of the baseline that is no longer true (it may only shrink). */
export function tidy(root: string): Finding[] {
  const baseline = new Set(JSON.parse(fs.readFileSync(path.join(root, 'config/tooling/tidy-baseline.json'), 'utf8')) as string[]);
  const files = sourceFiles(root);
  const findings = RULES.flatMap((rule) => rule(files));
  const keys = new Set(findings.map(keyOf));
  const stale = [...baseline].filter((it) => !keys.has(it)).map((it) => ({ path: 'config/tooling/tidy-baseline.json', rule: 'stale-baseline', detail: `"${it}" is mended: take it out` }));
  return [...findings.filter((it) => !baseline.has(keyOf(it))), ...stale, ...missingReadmes(root)];
}

function keyOf(finding: Finding): string {
  return `${finding.rule} ${finding.path}`;
}

const HEADINGS = ['## Purpose', '## Invariants', '## File map', '## Non-obvious', '## Deviations from Kafka'];

function missingReadmes(root: string): Finding[] {
  return fs.readdirSync(path.join(root, 'libs')).flatMap((lib) => {
    const file = `libs/${lib}/README.md`;
    const text = fs.existsSync(path.join(root, file)) ? fs.readFileSync(path.join(root, file), 'utf8') : '';
    return HEADINGS.filter((it) => !text.includes(it)).map((it) => ({ path: file, rule: 'readme', detail: `has no heading "${it}"` }));
  });
}
