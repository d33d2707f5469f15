// Derives every per-package tooling file from config/tooling/architecture.json: tsconfig references and paths, nest-cli projects; and
// each package's dependencies on our other packages from its imports.
// `npm run house` writes them; `npm run house -- --check` fails when a committed file differs. Plain JavaScript, because it must
// run before anything can be compiled.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '../..');
const architecture = JSON.parse(fs.readFileSync(path.join(root, 'config/tooling/architecture.json'), 'utf8'));
const check = process.argv.includes('--check');
const names = Object.keys(architecture.packages);
const differing = [];

function allowedImports(name) {
  const { imports, ring } = architecture.packages[name];
  if (imports !== 'any') return imports;
  return names.filter((other) => other !== name && (ring === 'app' || !['app', 'tests', 'connector'].includes(architecture.packages[other].ring)) && other !== 'devtools');
}

function emit(file, value) {
  const text = JSON.stringify(value, null, 2) + '\n';
  const target = path.join(root, file);
  const current = fs.existsSync(target) ? fs.readFileSync(target, 'utf8') : undefined;
  if (current === text) return;
  if (check) differing.push(file);
  else {
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, text);
  }
}

function withoutOurs(dependencies) {
  return Object.fromEntries(Object.entries(dependencies).filter(([it]) => !it.startsWith(`${architecture.scope}/`)));
}

/** Which of our packages the sources (not the tests) really import. */
function importedPackages(folder, self) {
  if (!fs.existsSync(folder)) return [];
  const found = new Set();
  for (const entry of fs.readdirSync(folder, { recursive: true })) {
    if (!/\.ts$/.test(entry) || /(\.spec|-spec|\.bench)\.ts$/.test(entry)) continue;
    for (const [, name] of fs.readFileSync(path.join(folder, entry), 'utf8').matchAll(/from '@millrace\/([^'/]+)'/g)) if (name !== self && names.includes(name)) found.add(name);
  }
  return [...found].sort();
}

const paths = Object.fromEntries(names.map((name) => [`${architecture.scope}/${name}`, [`../../${architecture.packages[name].path}/src/index.ts`]]));

emit('config/tooling/tsconfig.base.json', {
  compilerOptions: {
    target: 'es2023',
    lib: ['es2023'],
    module: 'nodenext',
    moduleResolution: 'nodenext',
    strict: true,
    composite: true,
    declaration: true,
    sourceMap: true,
    noEmitOnError: true,
    isolatedModules: true,
    esModuleInterop: true,
    noImplicitOverride: true,
    noUnusedLocals: true,
    noFallthroughCasesInSwitch: true,
    resolveJsonModule: true,
    skipLibCheck: true,
    paths,
  },
});

for (const name of names) {
  const { path: folder, ring, nest } = architecture.packages[name];
  if (!fs.existsSync(path.join(root, folder, 'src'))) continue;
  const up = path.relative(folder, '.');
  emit(`${folder}/tsconfig.json`, {
    extends: `${up}/config/tooling/tsconfig.base.json`,
    compilerOptions: {
      rootDir: 'src',
      outDir: 'dist',
      tsBuildInfoFile: 'dist/.tsbuildinfo',
      types: architecture.rings[ring].types,
      ...(nest ? { experimentalDecorators: true, emitDecoratorMetadata: true } : {}),
    },
    include: ['src'],
    exclude: ['src/**/*.spec.ts', 'src/**/*-spec.ts', 'src/**/*.bench.ts'],
    references: allowedImports(name)
      .filter((other) => fs.existsSync(path.join(root, architecture.packages[other].path, 'src')))
      .map((other) => ({ path: `${up}/${architecture.packages[other].path}` })),
  });
}

for (const name of names) {
  const { path: folder, ring } = architecture.packages[name];
  const file = `${folder}/package.json`;
  if (!fs.existsSync(path.join(root, file))) continue;
  const manifest = JSON.parse(fs.readFileSync(path.join(root, file), 'utf8'));
  const ours = importedPackages(path.join(root, folder, 'src'), name);
  const others = Object.entries((ring === 'connector' ? manifest.peerDependencies : manifest.dependencies) ?? {}).filter(([it]) => !it.startsWith(`${architecture.scope}/`));
  // A plugin takes connect-api from its host: two copies would be two sets of classes.
  const [kind, kept] = ring === 'connector' ? ['peerDependencies', manifest.dependencies ?? {}] : ['dependencies', undefined];
  emit(file, { ...manifest, ...(kept ? { dependencies: withoutOurs(kept) } : {}), [kind]: Object.fromEntries([...ours.map((it) => [`${architecture.scope}/${it}`, manifest.version]), ...others].sort(([a], [b]) => (a < b ? -1 : 1))) });
}

const present = names.filter((name) => fs.existsSync(path.join(root, architecture.packages[name].path, 'src')));
emit('tsconfig.json', { files: [], references: present.map((name) => ({ path: architecture.packages[name].path })) });
emit('config/tooling/tsconfig.tests.json', {
  extends: './tsconfig.base.json',
  compilerOptions: { noEmit: true, composite: false, declaration: false, types: ['node', 'jest'], experimentalDecorators: true, emitDecoratorMetadata: true },
  include: ['libs', 'apps', 'connectors'].flatMap((top) => [`../../${top}/*/src/**/*.spec.ts`, `../../${top}/*/src/**/*-spec.ts`, `../../${top}/*/test/**/*.ts`, `../../${top}/*/src/**/*.bench.ts`]),
});
emit('nest-cli.json', {
  $schema: 'https://json.schemastore.org/nest-cli',
  collection: '@nestjs/schematics',
  monorepo: true,
  root: 'apps/broker',
  sourceRoot: 'apps/broker/src',
  compilerOptions: { builder: 'tsc', webpack: false, tsConfigPath: 'apps/broker/tsconfig.json' },
  projects: Object.fromEntries(
    present.map((name) => {
      const { path: folder, ring } = architecture.packages[name];
      const type = ring === 'app' ? 'application' : 'library';
      return [name, { type, root: folder, entryFile: ring === 'app' ? 'main' : 'index', sourceRoot: `${folder}/src`, compilerOptions: { builder: 'tsc', tsConfigPath: `${folder}/tsconfig.json` } }];
    }),
  ),
});

if (differing.length > 0) {
  console.error(`house: not as config/tooling/architecture.json derives it (run "npm run house"): ${differing.join(', ')}`);
  process.exit(1);
}
