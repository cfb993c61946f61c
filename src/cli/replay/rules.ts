/** `--pruner`: `asha`, `median,divergence`, `none`, or JSON as in the pipeline file. */
import { withDocumentNames } from '../../contract/earlier-names.ts';
import { HalvingScheduler, StoppingRule } from '../../contract/search-space.ts';
import { UsageError } from '../exit.ts';

export interface NamedRules {
  readonly name: string;
  readonly rules: readonly StoppingRule[];
}

const KINDS = StoppingRule.options.map(({ shape }) => shape.kind.value);
type Kind = (typeof KINDS)[number];

/** @throws {UsageError} for a rule that there is not, or that needs more than its name */
export function stoppingOf(text: string): NamedRules {
  const trimmed = text.trim();
  if (trimmed === 'none') return { name: 'none', rules: [] };
  if (/^[[{]/.test(trimmed)) return { name: trimmed, rules: fromJson(trimmed) };
  return { name: trimmed, rules: trimmed.split(',').map((kind) => ruleOf({ kind: known(kind.trim()) }, kind.trim())) };
}

const SCHEDULERS = HalvingScheduler.shape.kind.options;

/**
 * `--scheduler`: `asha`, or JSON as in the pipeline file.
 *
 * @throws {UsageError} for one that cannot be replayed
 */
export function schedulerOf(text: string): { readonly name: string; readonly scheduler: HalvingScheduler } {
  const trimmed = text.trim();
  const given: unknown = trimmed.startsWith('{') ? parsed('--scheduler', trimmed) : { kind: trimmed };
  const { reduction_factor: factor, ...fields } = given as Record<string, unknown>;
  const found = HalvingScheduler.safeParse({ ...(factor === undefined ? {} : { factor }), ...fields });
  if (!found.success) {
    const issues = found.error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`).join('; ');
    throw new UsageError(`--scheduler: ${issues}; expected ${SCHEDULERS.join(', ')}, or JSON such as {"kind":"asha","min":2}`);
  }
  if (found.data.resource !== 'points')
    throw new UsageError(`--scheduler: resource: the ledger has curves by their points; expected points, found ${found.data.resource}`);
  if (!found.data.promote) throw new UsageError('--scheduler: promote: false stops at rungs, as --pruner asha does');
  return { name: `scheduler ${trimmed}`, scheduler: found.data };
}

function known(kind: string): Kind {
  const found = KINDS.find((one) => one === kind);
  if (found === undefined) throw new UsageError(`--pruner: there is no rule "${kind}"; expected none, ${KINDS.join(', ')}, or JSON`);
  return found;
}

function fromJson(text: string): StoppingRule[] {
  const value = parsed('--pruner', text);
  return (Array.isArray(value) ? value : [value]).map((rule: unknown, i) => {
    const kind = typeof rule === 'object' && rule !== null && 'kind' in rule ? String(rule.kind) : '';
    known(kind);
    return ruleOf(rule, `[${i}]`);
  });
}

function parsed(option: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${option}: no JSON: ${error instanceof Error ? error.message : ''}`);
  }
}

function ruleOf(rule: unknown, where: string): StoppingRule {
  const parsed = StoppingRule.safeParse(withDocumentNames(rule));
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`).join('; ');
  throw new UsageError(`--pruner ${where}: ${issues}; write the rule in full, e.g. '[{"kind":"percentile","percentile":25}]'`);
}
