import { ConfigError } from '@millrace/connect-api';
import { settingsWithPrefix } from '../config/worker-config.js';
import type { StringMap } from '../rest/shapes.js';
import { makeProvider } from './built-in-providers.js';
import type { ConfigProvider } from './config-provider.js';
import { Secrets } from './secrets.js';

const REFERENCE = /\$\{([^}]*?):(?:([^}]*?):)?([^}]*?)\}/g;

export interface ResolvedConfig {
  readonly config: StringMap;
  /** What the providers gave, to be kept out of everything that is shown. */
  readonly secrets: Secrets;
}

/** Whether the value holds a `${provider:key}` or `${provider:path:key}`. */
export function hasReference(value: string): boolean {
  return value.search(REFERENCE) >= 0;
}

/** The providers of a worker: `config.providers`, `config.providers.<name>.class`, `config.providers.<name>.param.*`. */
export class ConfigProviders {
  private constructor(private readonly byName: ReadonlyMap<string, ConfigProvider>) {}

  /** Throws ConfigError for a provider that is not known or not set up right. */
  static of(worker: StringMap): ConfigProviders {
    const names = (worker['config.providers'] ?? '').split(',').map((it) => it.trim()).filter((it) => it !== '');
    return new ConfigProviders(
      new Map(
        names.map((name) => {
          const { class: className, ...settings } = settingsWithPrefix(worker, `config.providers.${name}.`);
          if (className === undefined) throw new ConfigError(`Missing required configuration "config.providers.${name}.class" which has no default value.`, `config.providers.${name}.class`);
          return [name, makeProvider(className, settingsWithPrefix(settings, 'param.'))];
        }),
      ),
    );
  }

  /** The config with each reference replaced by its value. Throws ConfigError, with the setting's name, for one that has none. */
  resolve(config: StringMap): ResolvedConfig {
    const secrets = new Secrets();
    const resolved = Object.fromEntries(Object.entries(config).map(([name, value]) => [name, this.value(name, value, secrets)]));
    return { config: resolved, secrets };
  }

  private value(name: string, value: string, secrets: Secrets): string {
    return value.replace(REFERENCE, (reference: string, providerName: string, path: string | undefined, key: string) => {
      const provider = this.byName.get(providerName);
      if (!provider) throw new ConfigError(`The value of ${name} refers to a config provider (${reference}) that this worker does not have`, name);
      const found = provider.get(path ?? '', key);
      if (found === undefined) throw new ConfigError(`The value of ${name} refers to ${reference}, which its config provider does not have`, name);
      secrets.add(found, reference);
      return found;
    });
  }
}

/** Task configs with the connector's references put back where their values came from: that is how they are stored. */
export function withReferences(tasks: readonly StringMap[], raw: StringMap, resolved: StringMap): StringMap[] {
  const references = Object.keys(raw).filter((key) => hasReference(raw[key] ?? ''));
  if (references.length === 0) return [...tasks];
  const rawByValue = new Map(references.map((key) => [resolved[key], raw[key] ?? '']));
  return tasks.map((task) =>
    Object.fromEntries(
      Object.entries(task).map(([key, value]) => {
        if (references.includes(key)) return [key, raw[key] ?? value];
        return [key, raw[key] === value ? value : (rawByValue.get(value) ?? value)];
      }),
    ),
  );
}
