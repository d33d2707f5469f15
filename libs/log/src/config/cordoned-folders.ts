const ALL = '*';

/** Which log directories a value of cordoned.log.dirs means. One that is none of them any more is passed over. */
export function cordonedFolders(value: readonly string[], logDirs: readonly string[]): readonly string[] {
  return value.includes(ALL) ? logDirs : logDirs.filter((it) => value.includes(it));
}

/** What is wrong with a value of cordoned.log.dirs, in Kafka's words; or null. */
export function cordonsProblem(value: readonly string[], logDirs: readonly string[]): string | null {
  if (value.includes(ALL)) return value.length === 1 ? null : 'When cordoned.log.dirs is set to *, it must not contain other values';
  const missing = value.filter((it) => !logDirs.includes(it));
  return missing.length === 0 ? null : `All entries in cordoned.log.dirs must be present in log.dirs or log.dir. Missing entries : ${missing.join(', ')}`;
}
