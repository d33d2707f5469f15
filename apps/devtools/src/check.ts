import path from 'node:path';
import { runStep } from './run-step.js';
import { configDocs } from './scaffold/config-docs.js';
import { tidy } from './tidy/tidy.js';

/** Everything that is checked without running the product: derived files, arrows, what is unused, lint, tidiness, types of the tests. */
export function check(root: string): boolean {
  const bin = (name: string): string => path.join(root, 'node_modules/.bin', name);
  const findings = tidy(root);
  for (const it of findings) process.stdout.write(`tidy: ${it.path}: ${it.rule}: ${it.detail}\n`);
  const docs = configDocs(root, true);
  for (const it of docs) process.stdout.write(`config-docs: ${it}\n`);
  const results = [
    findings.length === 0,
    docs.length === 0,
    runStep('derived files are as the architecture says', process.execPath, ['apps/devtools/house.cjs', '--check'], root),
    runStep('generated codecs are as the schemas say', process.execPath, ['apps/devtools/codegen.cjs', '--check'], root),
    runStep('arrows (dependency-cruiser)', bin('depcruise'), ['--config', 'config/tooling/dependency-cruiser.cjs', 'libs', 'apps', 'connectors'], root),
    // Packages import each other by the architecture's paths, so what a manifest does not list is not asked for.
    runStep('nothing is unused (knip)', bin('knip'), ['--config', 'config/tooling/knip.json', '--no-progress', '--no-config-hints'], root),
    runStep('types of the tests', bin('tsc'), ['-p', 'config/tooling/tsconfig.tests.json'], root),
    runStep('eslint', bin('eslint'), ['--config', 'config/tooling/eslint.config.mjs', 'libs', 'apps', 'connectors'], root),
  ];
  return results.every(Boolean);
}
