import { ConfigError } from '@millrace/connect-api';

/**
 * A Java regular expression as a JavaScript one that matches whole texts. Leading inline flags (`(?i)`, `(?s)`, `(?m)`, `(?u)`), `\A`, `\z`, `\Z`,
 * `\Q...\E`, `\h` and POSIX classes are translated; possessive quantifiers, atomic groups and class intersections are refused.
 */
export function javaPattern(pattern: string): RegExp {
  const flags = new Set<string>();
  let rest = pattern;
  for (let match = /^\(\?([a-zA-Z]+)\)/.exec(rest); match; match = /^\(\?([a-zA-Z]+)\)/.exec(rest)) {
    for (const flag of match[1] ?? '') {
      if (!'imsu'.includes(flag)) throw new ConfigError(`the flag ${flag} of a regular expression is not supported`);
      if (flag !== 'u') flags.add(flag);
    }
    rest = rest.slice(match[0].length);
  }
  const source = translated(rest);
  try {
    return new RegExp(`^(?:${source})$`, [...flags].join(''));
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : String(error));
  }
}

const POSIX: Readonly<Record<string, string>> = {
  Lower: 'a-z', Upper: 'A-Z', ASCII: '\\x00-\\x7f', Alpha: 'a-zA-Z', Digit: '0-9', Alnum: 'a-zA-Z0-9', Punct: '!-\\/:-@\\[-`{-~', Graph: '!-~', Print: ' -~', Blank: ' \\t', Cntrl: '\\x00-\\x1f\\x7f', XDigit: '0-9a-fA-F', Space: '\\s',
};

function translated(pattern: string): string {
  let out = '';
  let inClass = false;
  for (let i = 0; i < pattern.length; i++) {
    const it = pattern[i]!;
    if (it === '\\') {
      const next = pattern[i + 1];
      if (next === 'Q') {
        const end = pattern.indexOf('\\E', i + 2);
        const literal = pattern.slice(i + 2, end < 0 ? undefined : end);
        out += literal.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
        i = end < 0 ? pattern.length : end + 1;
        continue;
      }
      const posix = /^\\([pP])\{(\w+)\}/.exec(pattern.slice(i));
      if (posix) {
        const set = POSIX[posix[2] ?? ''];
        if (set === undefined) throw new ConfigError(`the character class ${posix[0]} of a regular expression is not supported`);
        if (inClass && posix[1] === 'P') throw new ConfigError(`${posix[0]} within brackets is not supported`);
        out += inClass ? set : `[${posix[1] === 'P' ? '^' : ''}${set}]`;
        i += posix[0].length - 1;
        continue;
      }
      if (next === undefined) throw new ConfigError('Unexpected internal error near index ' + String(i));
      if (next === 'A') out += '(?<![^])';
      else if (next === 'z' || next === 'Z') out += '(?![^])';
      else if (next === 'h') out += inClass ? ' \\t' : '[ \\t]';
      else out += it + next;
      i += 1;
      continue;
    }
    if (it === '[') {
      if (inClass) throw new ConfigError('nested character classes of a regular expression are not supported');
      inClass = true;
    } else if (it === ']') inClass = false;
    else if (inClass && pattern.startsWith('&&', i)) throw new ConfigError('intersections of character classes are not supported');
    else if (!inClass && '*+?}'.includes(it) && pattern[i + 1] === '+') throw new ConfigError('possessive quantifiers of a regular expression are not supported');
    else if (!inClass && pattern.startsWith('(?>', i)) throw new ConfigError('atomic groups of a regular expression are not supported');
    out += it;
  }
  return out;
}

/** The text that Java's `Matcher.replaceFirst` puts for a match: `$1`, `${name}`, and `\` before any character. Throws for a group that is not there. */
export function javaReplacement(template: string, match: RegExpExecArray): string {
  let out = '';
  for (let i = 0; i < template.length; i++) {
    const it = template[i]!;
    if (it === '\\') {
      i += 1;
      if (i === template.length) throw new ConfigError('character to be escaped is missing');
      out += template[i];
    } else if (it === '$') {
      const named = /^\$\{([a-zA-Z][a-zA-Z0-9]*)\}/.exec(template.slice(i));
      if (named) {
        const name = named[1] ?? '';
        if (!match.groups || !(name in match.groups)) throw new ConfigError(`No group with name {${name}}`);
        out += match.groups[name] ?? '';
        i += named[0].length - 1;
        continue;
      }
      const digits = /^\d+/.exec(template.slice(i + 1))?.[0];
      if (digits === undefined) throw new ConfigError('Illegal group reference');
      let length = 1;
      if (Number(digits[0]) >= match.length) throw new ConfigError(`No group ${digits[0] ?? ''}`);
      while (length < digits.length && Number(digits.slice(0, length + 1)) < match.length) length += 1;
      out += match[Number(digits.slice(0, length))] ?? '';
      i += length;
    } else out += it;
  }
  return out;
}
