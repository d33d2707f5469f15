// @ts-check
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import tseslint from 'typescript-eslint';

const architecture = createRequire(import.meta.url)('./architecture.json');
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const tests = ['**/*.spec.ts', '**/*-spec.ts', '**/*.bench.ts', '**/test/**'];
const names = Object.keys(architecture.packages);

/** One block a package: which of our packages, and whether node's and Nest's modules, it may import. */
const arrows = Object.entries(architecture.packages)
  .filter(([, it]) => it.imports !== 'any')
  .map(([name, it]) => {
    const forbidden = names.filter((other) => other !== name && !it.imports.includes(other)).map((other) => `${architecture.scope}/${other}`);
    const noNode = Array.isArray(architecture.rings[it.ring].node) && architecture.rings[it.ring].node.length === 0;
    return {
      files: [`${it.path}/src/**/*.ts`],
      ignores: tests,
      rules: {
        'no-restricted-imports': ['error', {
          paths: forbidden.map((other) => ({ name: other, message: `config/tooling/architecture.json has no arrow ${name} -> ${other}.` })),
          patterns: [
            { group: [`${architecture.scope}/*/*`], message: 'Import a package by its name, never a file inside it.' },
            ...(noNode ? [{ group: ['node:*'], message: 'This ring does not know Node.' }] : []),
            ...(it.nest ? [] : [{ group: ['@nestjs/*'], message: 'Nest lives in apps and libs/hosting.' }]),
          ],
        }],
      },
    };
  });

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '**/generated/**', '**/*.cjs', '**/*.mjs', '**/*.js'] },
  {
    files: ['{libs,apps,connectors}/**/*.ts'],
    languageOptions: { parser: tseslint.parser, parserOptions: { project: [path.join(root, 'config/tooling/tsconfig.eslint.json')], tsconfigRootDir: root } },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      'no-restricted-syntax': ['error', { selector: 'ExportAllDeclaration', message: 'An index names what it exports.' }],
      'no-empty': ['error', { allowEmptyCatch: false }],
      eqeqeq: ['error', 'always'],
      'prefer-const': 'error',
    },
  },
  {
    files: ['apps/**/*.ts', 'libs/hosting/**/*.ts'],
    // Nest reads constructor parameter types at run time: a type-only import would erase them.
    rules: { '@typescript-eslint/consistent-type-imports': 'off' },
  },
  ...arrows,
);
