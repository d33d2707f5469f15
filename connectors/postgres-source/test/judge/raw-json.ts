/** JSON whose scalars keep their text, so that two texts can be compared but for some of their members. */
export type RawJson = string | readonly RawJson[] | RawObject;
export interface RawObject {
  readonly members: readonly (readonly [string, RawJson])[];
}

const TOKEN = /\s*(?:([{}[\],:])|("(?:[^"\\]|\\.)*"|[^\s{}[\],:"]+))/gy;

export function parseRaw(text: string): RawJson {
  const tokens = Array.from(text.matchAll(TOKEN), (it) => it[1] ?? it[2] ?? '');
  let at = 0;
  const value = (): RawJson => {
    const token = tokens[at++] ?? '';
    if (token === '[') {
      const items: RawJson[] = [];
      while (tokens[at] !== ']') {
        items.push(value());
        if (tokens[at] === ',') at += 1;
      }
      at += 1;
      return items;
    }
    if (token !== '{') return token;
    const members: [string, RawJson][] = [];
    while (tokens[at] !== '}') {
      const name = JSON.parse(tokens[at++] ?? '') as string;
      at += 1;
      members.push([name, value()]);
      if (tokens[at] === ',') at += 1;
    }
    at += 1;
    return { members };
  };
  return value();
}

export function isObject(it: RawJson | undefined): it is RawObject {
  return typeof it === 'object' && 'members' in it;
}

export function member(it: RawJson | undefined, name: string): RawJson | undefined {
  return isObject(it) ? it.members.find(([key]) => key === name)?.[1] : undefined;
}

/** Replaces members anywhere below `it`; undefined leaves one out. */
export function mapMembers(it: RawJson, change: (name: string, value: RawJson, path: readonly string[]) => RawJson | undefined, path: readonly string[] = []): RawJson {
  if (isObject(it)) {
    return {
      members: it.members.flatMap(([name, value]) => {
        const changed = change(name, value, path);
        return changed === undefined ? [] : [[name, mapMembers(changed, change, [...path, name])] as const];
      }),
    };
  }
  return typeof it === 'string' ? it : it.map((item) => mapMembers(item, change, path));
}

export function textOf(it: RawJson): string {
  if (typeof it === 'string') return it;
  if (isObject(it)) return `{${it.members.map(([name, value]) => `${JSON.stringify(name)}:${textOf(value)}`).join(',')}}`;
  return `[${it.map(textOf).join(',')}]`;
}
