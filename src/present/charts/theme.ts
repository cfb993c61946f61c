/**
 * Colours of all charts. Series take those of Okabe and Ito (https://jfly.uni-koeln.de/color/), which people with any colour vision tell apart;
 * a status is told by its mark or word as well, never by colour alone.
 */
import type { AttemptVerdict } from '../../contract/jobs.ts';
import type { StepStatus, TrialStatus } from '../../contract/state.ts';

export interface ChartTheme {
  readonly dark: boolean;
  readonly background: string;
  readonly text: string;
  /** Labels of axes, captions. */
  readonly muted: string;
  readonly line: string;
  /** What stands behind the highlighted: the other 190 trials. */
  readonly faint: string;
  readonly good: string;
  readonly bad: string;
  readonly warn: string;
  readonly accent: string;
  readonly series: readonly string[];
  /** From low to high, after cividis; the high end is the one that stands out from the background. */
  readonly scale: readonly string[];
}

export const LIGHT: ChartTheme = {
  dark: false,
  background: '#ffffff',
  text: '#1b2430',
  muted: '#566070',
  line: '#d5dae1',
  faint: '#b4bcc8',
  good: '#00805c',
  bad: '#c0430a',
  warn: '#b07800',
  accent: '#0072b2',
  series: ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7a5195', '#6b6b00'],
  scale: ['#d9c24a', '#b0a173', '#7f7c75', '#56607a', '#2c4a86', '#00224e'],
};

export const DARK: ChartTheme = {
  dark: true,
  background: '#14181f',
  text: '#e6eaf0',
  muted: '#a3adbb',
  line: '#343c48',
  faint: '#4d5766',
  good: '#2fc795',
  bad: '#ff8a50',
  warn: '#f0b93a',
  accent: '#5cb8f5',
  series: ['#5cb8f5', '#ff8a50', '#2fc795', '#e59cc6', '#f0b93a', '#9fd4ff', '#b79ae0', '#d3d05a'],
  scale: ['#3b5b92', '#5f7191', '#848894', '#aba27f', '#d6c25f', '#ffe94d'],
};

export const themeOf = (dark: boolean): ChartTheme => (dark ? DARK : LIGHT);

export function statusColor(status: StepStatus | TrialStatus, theme: ChartTheme): string {
  switch (status) {
    case 'succeeded':
    case 'cached':
      return theme.good;
    case 'failed':
    case 'blocked':
      return theme.bad;
    case 'running':
      return theme.accent;
    case 'stopped':
    case 'waiting':
    case 'paused':
    case 'cancelled':
      return theme.warn;
    default:
      return theme.muted;
  }
}

export function verdictColor(verdict: AttemptVerdict | null, theme: ChartTheme): string {
  if (verdict === null) return theme.accent;
  if (verdict === 'succeeded') return theme.good;
  if (verdict === 'preempted' || verdict === 'no-capacity' || verdict === 'deleted') return theme.warn;
  return verdict === 'stopped' ? theme.muted : theme.bad;
}

/** The colour of the how-manieth highlighted thing. */
export const seriesColor = (index: number, theme: ChartTheme): string => theme.series[index % theme.series.length] ?? theme.accent;
