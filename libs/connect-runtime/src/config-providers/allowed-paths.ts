import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { ConfigError } from '@millrace/connect-api';

/** The files and folders that a provider may read (`allowed.paths`); all where nothing is given. Symbolic links are followed before the check. */
export class AllowedPaths {
  private readonly allowed: readonly string[] | undefined;

  /** Throws ConfigError for a path that is not absolute or not there. */
  constructor(setting: string | undefined) {
    const paths = (setting ?? '').split(',').map((it) => it.trim()).filter((it) => it !== '');
    if (paths.length === 0) return;
    this.allowed = paths.map((it) => {
      if (!path.isAbsolute(it)) throw new ConfigError(`Path ${it} is not absolute`, 'allowed.paths');
      if (!existsSync(it)) throw new ConfigError(`Path ${it} does not exist`, 'allowed.paths');
      return realpathSync(it);
    });
  }

  /** The real path to read. Throws ConfigError where that is not allowed. */
  check(given: string): string {
    const real = existsSync(given) ? realpathSync(given) : path.resolve(given);
    if (this.allowed && !this.allowed.some((it) => real === it || real.startsWith(it.endsWith(path.sep) ? it : it + path.sep))) throw new ConfigError(`The path ${given} is not permitted to be accessed: it is not within allowed.paths`);
    return real;
  }
}
