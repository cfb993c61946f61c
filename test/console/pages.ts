/** Page objects: what a person does on the console's pages, by what they see. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Locator, Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly help: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
  }[];
}

export class ConsolePage {
  readonly page: Page;
  readonly #url: string;

  constructor(page: Page, url: string) {
    this.page = page;
    this.#url = url;
  }

  async open(path = '/'): Promise<void> {
    await this.page.goto(`${this.#url}${path}`);
    await this.page.locator('h1').first().waitFor();
  }

  runs = (): Promise<void> => this.open('/');
  run = (run: string, section = ''): Promise<void> => this.open(`/runs/${encodeURIComponent(run)}${section}`);
  search = (run: string, step = 'search'): Promise<void> => this.run(run, `/search/${encodeURIComponent(step)}`);
  trial = (run: string, trial: number, step = 'search'): Promise<void> =>
    this.run(run, `/search/${encodeURIComponent(step)}/trial/${trial}`);

  heading = (name: string): Locator => this.page.getByRole('heading', { name, exact: true });
  card = (title: string): Locator => this.page.locator('section.card').filter({ has: this.heading(title) });
  table = (label: string): Locator => this.page.getByRole('region', { name: label, exact: true });
  row = (label: string, text: string | RegExp): Locator => this.table(label).locator('tbody tr').filter({ hasText: text });
  step = (id: string): Locator => this.table('Steps').locator(`tr:has([id="step-${id}"])`);
  tab = (name: string): Locator => this.page.getByRole('navigation', { name: 'Pages of the run' }).getByRole('link', { name });
  /** Of a title: its figure. */
  figure = (name: string): Locator =>
    this.page
      .locator('.figure')
      .filter({ has: this.page.locator('dt', { hasText: new RegExp(`^${name}`) }) })
      .locator('dd');

  /** The chart of a card, once it is drawn. */
  async chart(card: string): Promise<Locator> {
    const canvas = this.card(card).locator('.canvas');
    await canvas.scrollIntoViewIfNeeded();
    await this.card(card).locator('.canvas[data-drawn]').waitFor();
    return canvas;
  }

  /** Presses a button, fills the fields of its dialog and confirms; resolves to what the console answers. */
  async press(group: string, button: string, confirm: string, fields: Readonly<Record<string, string>> = {}): Promise<string> {
    await this.page.getByRole('group', { name: group }).getByRole('button', { name: button, exact: true }).click();
    return this.confirm(confirm, fields);
  }

  async confirm(confirm: string, fields: Readonly<Record<string, string>> = {}): Promise<string> {
    const dialog = this.page.getByRole('dialog');
    for (const [label, value] of Object.entries(fields)) await dialog.getByLabel(label, { exact: true }).fill(value);
    await dialog.getByRole('button', { name: confirm, exact: true }).click();
    const notice = dialog.locator('.notice');
    await notice.waitFor();
    const text = await notice.innerText();
    await this.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    return text;
  }

  /** What axe-core finds wrong, in words. */
  async violations(): Promise<string[]> {
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate<AxeResult>('axe.run(document, { resultTypes: ["violations"] })');
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`);
  }

  /** Pixels by which the page is wider than the window. */
  overflow(): Promise<number> {
    return this.page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
  }
}
