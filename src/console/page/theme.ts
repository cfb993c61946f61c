/** Dark or light: as the system says, unless the person chose. */
import { themeOf, type ChartTheme } from '../../present/charts/theme.ts';
import { Store } from './store.ts';

type Choice = 'system' | 'light' | 'dark';
const KEY = 'longhaul-theme';
const NEXT: Readonly<Record<Choice, Choice>> = { system: 'light', light: 'dark', dark: 'system' };

class Theme extends Store {
  readonly #system = window.matchMedia('(prefers-color-scheme: dark)');
  choice: Choice = stored();

  constructor() {
    super();
    this.#system.addEventListener('change', () => this.#apply());
    this.#apply();
  }

  get dark(): boolean {
    return this.choice === 'dark' || (this.choice === 'system' && this.#system.matches);
  }

  get charts(): ChartTheme {
    return themeOf(this.dark);
  }

  toggle(): void {
    this.choice = NEXT[this.choice];
    try {
      window.localStorage.setItem(KEY, this.choice);
    } catch {
      // A browser that keeps nothing forgets the choice; that is all.
    }
    this.#apply();
  }

  #apply(): void {
    document.documentElement.dataset.theme = this.dark ? 'dark' : 'light';
    this.changed();
  }
}

function stored(): Choice {
  try {
    const value = window.localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    return 'system';
  }
}

export const theme = new Theme();
