import type { Amended } from './objects.ts';

/** What happened to each object, in the order of its first mention. */
export interface Report {
  add(title: string, amended: Pick<Amended<unknown>, 'outcome' | 'because'>): void;
  /** One line an object, such as `Secret countersign-system/countersign-ca: renewed (it ends on …)`. */
  lines(): string[];
}

export function startReport(): Report {
  const entries = new Map<string, { outcome: Amended<unknown>['outcome']; readonly reasons: string[] }>();
  return {
    add(title, { outcome, because }) {
      const entry = entries.get(title) ?? { outcome: 'unchanged', reasons: [] };
      entries.set(title, entry);
      // An object may change several times in a run; the first change says what was found.
      if (entry.outcome === 'unchanged') entry.outcome = outcome;
      if (because !== undefined && !entry.reasons.includes(because)) entry.reasons.push(because);
    },
    lines: () =>
      [...entries].map(([title, { outcome, reasons }]) => {
        return `${title}: ${outcome}${reasons.length === 0 ? '' : ` (${reasons.join('; ')})`}`;
      }),
  };
}
