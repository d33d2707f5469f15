import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { ConfigError } from '@millrace/connect-api';
import type { StringMap } from '../rest/shapes.js';
import { javaPattern } from '../transforms/java-pattern.js';
import { AllowedPaths } from './allowed-paths.js';
import type { ConfigProvider } from './config-provider.js';
import { parseProperties } from './properties-text.js';

/** `${file:/path/of/a.properties:key}`. */
class FileConfigProvider implements ConfigProvider {
  private readonly allowed: AllowedPaths;

  constructor(parameters: StringMap) {
    this.allowed = new AllowedPaths(parameters['allowed.paths']);
  }

  get(file: string, key: string): string | undefined {
    return file === '' ? undefined : parseProperties(readText(this.allowed.check(file), `Could not read properties from file ${file}`)).get(key);
  }
}

/** `${directory:/path:name}`: each file of the folder is a value. */
class DirectoryConfigProvider implements ConfigProvider {
  private readonly allowed: AllowedPaths;

  constructor(parameters: StringMap) {
    this.allowed = new AllowedPaths(parameters['allowed.paths']);
  }

  get(folder: string, name: string): string | undefined {
    if (folder === '' || name === '') return undefined;
    if (name !== path.basename(name) || name === '..') throw new ConfigError(`${name} is not the name of a file in ${folder}`);
    const file = path.join(this.allowed.check(folder), name);
    if (!isFile(file)) return undefined;
    return readText(this.allowed.check(file), `Could not read file ${name} of ${folder}`);
  }
}

/** `${env:NAME}`. */
class EnvVarConfigProvider implements ConfigProvider {
  private readonly allowed: RegExp | undefined;

  constructor(parameters: StringMap) {
    const pattern = parameters['allowlist.pattern'];
    if (pattern !== undefined) this.allowed = javaPattern(pattern);
  }

  get(ignored: string, name: string): string | undefined {
    if (ignored !== '') throw new ConfigError(`Path is not supported for EnvVarConfigProvider, invalid value '${ignored}'`);
    return this.allowed && !this.allowed.test(name) ? undefined : process.env[name];
  }
}

function isFile(file: string): boolean {
  try {
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function readText(file: string, problem: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new ConfigError(problem);
  }
}

const PACKAGE = 'org.apache.kafka.common.config.provider.';
const PROVIDERS: Readonly<Record<string, new (parameters: StringMap) => ConfigProvider>> = { FileConfigProvider, DirectoryConfigProvider, EnvVarConfigProvider };

/** A provider by Java's class name, full or simple. Throws ConfigError for another. */
export function makeProvider(name: string, parameters: StringMap): ConfigProvider {
  const simple = name.startsWith(PACKAGE) ? name.slice(PACKAGE.length) : name;
  const Provider = Object.hasOwn(PROVIDERS, simple) ? PROVIDERS[simple] : undefined;
  if (!Provider) throw new ConfigError(`There is no config provider ${name}; known are ${Object.keys(PROVIDERS).join(', ')}`);
  return new Provider(parameters);
}
