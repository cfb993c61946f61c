/** Text for HTML and SVG. Whatever comes from outside becomes text: `html` escapes every value that is not itself made by `html`. */
const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Safe as text and inside quoted attributes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');

/** Markup that is safe to insert as it is. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Content = Markup | string | number | null | undefined | readonly Content[];

/** @example html`<td>${name}</td>`.text */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return new Markup(strings.map((part, index) => part + (index < values.length ? render(values[index]) : '')).join(''));
}

/** Markup that our own code made as text, such as SVG. Never for anything from outside. */
export const trusted = (text: string): Markup => new Markup(text);

function render(value: Content): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(render).join('');
  return escapeHtml(String(value));
}

/** JSON inside a script element: neither `</script>` nor `<!--` can come out of it. */
export const jsonForScript = (value: unknown): Markup =>
  new Markup(JSON.stringify(value).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029'));
