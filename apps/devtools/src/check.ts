import path from 'node:path';
import { runStep } from './run-step.js';
import { configDocs } from './scaffold/config-docs.js';
import { tidy } from './tidy/tidy.js';

/** Everything that is checked without running the product: derived files, arrows, what is unused, lint, tidiness, types of the tests. */
export async function check(root: string): Promise<boolean> {
  const bin = (name: string): string => path.join(root, 'node_modules/.bin', name);
  const findings = tidy(root);
  for (const it of findings) process.stdout.write(`tidy: ${it.path}: ${it.rule}: ${it.detail}\n`);
  const docs = configDocs(root, true);
  for (const it of docs) process.stdout.write(`config-docs: ${it}\n`);
  // The longest by itself beside all others.
  const lint = runStep('eslint', bin('eslint'), ['--config', 'config/tooling/eslint.config.mjs', 'libs', 'apps', 'connectors'], root);
  const results = [
    findings.length === 0,
    docs.length === 0,
    await runStep('derived files are as the architecture says', process.execPath, ['apps/devtools/house.cjs', '--check'], root),
    await runStep('generated codecs are as the schemas say', process.execPath, ['apps/devtools/codegen.cjs', '--check'], root),
    await runStep('arrows (dependency-cruiser)', bin('depcruise'), ['--config', 'config/tooling/dependency-cruiser.cjs', 'libs', 'apps', 'connectors'], root),
    // Packages import each other by the architecture's paths, so what a manifest does not list is not asked for.
    await runStep('nothing is unused (knip)', bin('knip'), ['--config', 'config/tooling/knip.json', '--no-progress', '--no-config-hints'], root),
    await runStep('types of the tests', bin('tsc'), ['-p', 'config/tooling/tsconfig.tests.json'], root),
    await lint,
  ];
  return results.every(Boolean);
}
