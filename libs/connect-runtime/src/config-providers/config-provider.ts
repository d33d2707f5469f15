/** Gives values for `${provider:path:key}`. Throws ConfigError where it cannot; its messages hold no values. */
export interface ConfigProvider {
  /** The value, or undefined where there is none. */
  get(path: string, key: string): string | undefined;
}
