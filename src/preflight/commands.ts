import type { GroupKind, WorkloadKind } from '../lineage/kinds.ts';
import { annotationOf, nameOf } from '../lineage/metadata.ts';
import { ANNOTATION, LABEL } from '../names.ts';
import type { Listed } from './situation.ts';

/** Groups whose kinds kubectl knows by one word. */
const FAMILIAR: ReadonlySet<string> = new Set(['', 'apps', 'batch']);

/**
 * The command by which a human adopts an object. Any update of one without a stamp does it; where there is a stamp that
 * does not count, updates that change nothing are not looked at, so it is taken away.
 */
export function adoptCommand({ kind, object }: Listed, namespace: string): string {
  const old = [ANNOTATION.stamp, ANNOTATION.custody].filter((key) => annotationOf(object, key) !== undefined);
  const change = old.length === 0 ? 'adopted=yes --overwrite' : old.map((key) => `${key}-`).join(' ');
  return `kubectl -n ${word(namespace)} annotate ${word(reference(kind, nameOf(object)))} ${change}`;
}

export function labelCommand(namespace: string, level: string): string {
  return `kubectl label namespace ${word(namespace)} ${LABEL.podSecurityEnforce}=${level} --overwrite`;
}

function reference({ group, kind, resource }: GroupKind & Pick<WorkloadKind, 'resource'>, name: string): string {
  return `${FAMILIAR.has(group) ? kind.toLowerCase() : `${resource}.${group}`}/${name}`;
}

/** A word that a shell takes as it is. Names of objects hardly ever need it, and a copied command must do nothing else. */
function word(text: string): string {
  return /^[A-Za-z0-9._/-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
