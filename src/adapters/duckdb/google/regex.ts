import { fail } from './scalar.ts';

/**
 * RE2's syntax in JavaScript's, for the functions that need to know where a match begins; DuckDB, which has RE2 itself, only returns what matched.
 * Both prefer the leftmost match and then the first alternative. What JavaScript would understand otherwise is refused.
 */
export function regexOf(pattern: string): RegExp {
  let compiled = remembered.get(pattern);
  if (!compiled) {
    compiled = translated(pattern);
    if (remembered.size >= REMEMBERED) remembered.clear();
    remembered.set(pattern, compiled);
  }
  return compiled;
}

const REMEMBERED = 200;
const remembered = new Map<string, RegExp>();

const CLASSES: Record<string, string> = {
  d: '0-9',
  w: '0-9A-Za-z_',
  s: '\\t\\n\\f\\r ',
};
const POSIX: Record<string, string> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7f',
  blank: '\\t ',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};
const SPECIAL = /[\\^$.*+?()[\]{}|/]/;

function translated(pattern: string): RegExp {
  let [at, inClass, text, dotAll, anyCase] = [0, false, '', false, false];
  const unknown = (what: string): never => fail(`the regular expression ${pattern} has ${what}, which is not translated here`);
  while (at < pattern.length) {
    const rest = pattern.slice(at);
    const posix = inClass ? /^\[:(\^?)(\w+):\]/.exec(rest) : null;
    const flags = inClass ? null : /^\(\?([imsU]+)\)/.exec(rest);
    if (posix) {
      const members = POSIX[posix[2] ?? ''] ?? unknown(`the class ${posix[0]}`);
      if (posix[1] === '^') unknown(`the class ${posix[0]}`);
      text += members;
      at += posix[0].length;
    } else if (flags) {
      if (at > 0 || /[mU]/.test(flags[1] ?? '')) unknown(`the flags ${flags[0]}`);
      dotAll ||= flags[1]?.includes('s') ?? false;
      anyCase ||= flags[1]?.includes('i') ?? false;
      at += flags[0].length;
    } else if (rest.startsWith('\\')) {
      const [written, length] = escaped(rest, inClass, unknown);
      text += written;
      at += length;
    } else if (!inClass && rest.startsWith('(?P<')) {
      text += '(?<';
      at += 4;
    } else if (!inClass && /^\(\?(?!:|<[A-Za-z_])/.test(rest)) {
      unknown(`the group ${rest.slice(0, 4)}`);
    } else {
      const character = String.fromCodePoint(rest.codePointAt(0) ?? 0);
      if (character === '[' && inClass) text += '\\[';
      else if (character === '[') {
        inClass = true;
        // A bracket that comes first is one of the members.
        const [opening = '['] = /^\[\^?\]?/.exec(rest) ?? [];
        text += opening.replace(']', '\\]');
        at += opening.length - 1;
      } else if (character === ']') {
        text += inClass ? ']' : '\\]';
        inClass = false;
      } else if (!inClass && character === '.') text += dotAll ? '[^]' : '[^\\n]';
      else if (!inClass && character === '{' && !/^\{\d+(?:,\d*)?\}/.test(rest)) text += '\\{';
      else if (!inClass && character === '}' && !/\{\d+(?:,\d*)?$/.test(text)) text += '\\}';
      else text += inClass && /[/(){}|]/.test(character) ? `\\${character}` : character;
      at += character.length;
    }
  }
  try {
    return new RegExp(text, anyCase ? 'giu' : 'gu');
  } catch (error) {
    return fail(`Cannot parse regular expression: ${pattern} (${error instanceof Error ? error.message : String(error)})`);
  }
}

/** An escape as JavaScript writes it, and how many characters it takes. */
function escaped(rest: string, inClass: boolean, unknown: (what: string) => never): [string, number] {
  const quoted = /^\\Q([\s\S]*?)(?:\\E|$)/.exec(rest);
  if (quoted) return [Array.from(quoted[1] ?? '', (each) => (SPECIAL.test(each) ? `\\${each}` : each)).join(''), quoted[0].length];
  const hex = /^\\x(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2}))/.exec(rest);
  if (hex) return [`\\u{${hex[1] ?? hex[2]}}`, hex[0].length];
  const property = /^\\([pP])(?:\{(\^?)(\w+)\}|(\w))/.exec(rest);
  if (property) {
    const name = property[3] ?? property[4] ?? '';
    const negated = (property[1] === 'P') !== (property[2] === '^');
    return [`\\${negated ? 'P' : 'p'}{${name.length > 2 ? `Script=${name}` : name}}`, property[0].length];
  }
  const octal = /^\\(0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest);
  if (octal) return [`\\u{${parseInt(octal[1] ?? '0', 8).toString(16)}}`, octal[0].length];
  const letter = rest.charAt(1);
  const members = CLASSES[letter.toLowerCase()];
  if (members !== undefined && letter !== '') {
    if (letter === letter.toLowerCase()) return [inClass ? members : `[${members}]`, 2];
    return inClass ? unknown(`\\${letter} inside of brackets`) : [`[^${members}]`, 2];
  }
  if (/[tnrfv]/.test(letter)) return [`\\${letter}`, 2];
  if (letter === 'a') return ['\\x07', 2];
  if (!inClass && /[bB]/.test(letter)) return [`\\${letter}`, 2];
  if (!inClass && letter === 'A') return ['^', 2];
  if (!inClass && letter === 'z') return ['$', 2];
  if (/[A-Za-z0-9]/.test(letter) || letter === '') return unknown(`\\${letter}`);
  const character = String.fromCodePoint(rest.codePointAt(1) ?? 0);
  return [SPECIAL.test(character) || (inClass && character === '-') ? `\\${character}` : character, 1 + character.length];
}
