import { ADOPTION, annotateCommand, word } from '../lineage/kubectl.ts';
import { annotationOf, nameOf } from '../lineage/metadata.ts';
import { ANNOTATION, LABEL } from '../names.ts';
import type { Listed } from './situation.ts';

/**
 * The command by which a human adopts an object. Any update of one without a stamp does it; where there is a stamp that
 * does not count, updates that change nothing are not looked at, so it is taken away.
 */
export function adoptCommand({ kind, object }: Listed, namespace: string): string {
  const old = [ANNOTATION.stamp, ANNOTATION.custody].filter((key) => annotationOf(object, key) !== undefined);
  const change = old.length === 0 ? ADOPTION : old.map((key) => `${key}-`).join(' ');
  return annotateCommand(namespace, kind, nameOf(object), change);
}

export function labelCommand(namespace: string, level: string): string {
  return `kubectl label namespace ${word(namespace)} ${LABEL.podSecurityEnforce}=${level} --overwrite`;
}
