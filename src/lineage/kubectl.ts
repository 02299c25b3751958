import type { GroupKind, WorkloadKind } from './kinds.ts';

/** Parts of commands that messages tell people to run. */

/** Groups whose kinds kubectl knows by one word. */
const FAMILIAR: ReadonlySet<string> = new Set(['', 'apps', 'batch']);

/** `kubectl -n NAMESPACE annotate KIND/NAME CHANGES` */
export function annotateCommand(
  namespace: string,
  { group, kind, resource }: GroupKind & Pick<WorkloadKind, 'resource'>,
  name: string,
  changes: string,
): string {
  const reference = `${FAMILIAR.has(group) ? kind.toLowerCase() : `${resource}.${group}`}/${name}`;
  return `kubectl -n ${word(namespace)} annotate ${word(reference)} ${changes}`;
}

/** Any update by a human stamps what has no stamp yet; this one changes nothing. */
export const ADOPTION = 'adopted=yes --overwrite';

/** A word that a shell takes as it is. Names of objects hardly ever need it, and a copied command must do nothing else. */
export function word(text: string): string {
  return /^[A-Za-z0-9._/-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
