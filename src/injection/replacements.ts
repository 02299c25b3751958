import { quote } from '../denials.ts';
import { sameJson } from '../json.ts';
import { ENV } from '../names.ts';
import { applicationVariables, type SessionPlan } from './container.ts';
import { isReplacedVariable, isSessionContainer } from './ours.ts';
import type { Pod } from './pod.ts';

/** What other injectors set, and a copied pod brings along: its author did not write it, and need not hear of it. */
const UNSAID: ReadonlySet<string> = new Set([
  ENV.operator,
  ENV.roleArn,
  ENV.duration,
  ENV.sessionId,
  'AWS_ROLE_ARN',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
]);

/** A sentence for each container whose author set variables that are the session's to set. */
export function replacementsIn(pod: Pod, plan: SessionPlan): string[] {
  return pod.containers.flatMap(({ container }) => {
    if (isSessionContainer(container.raw)) return [];
    const managed = (container.env ?? []).filter((entry) => isReplacedVariable(entry, plan) && !UNSAID.has(entry.name));
    if (managed.length === 0) return [];
    const ours = applicationVariables(plan);
    const replaced = managed.filter((entry) => !ours.some((own) => sameJson(own, entry)));
    if (replaced.length === 0) return [];
    const names = [...new Set(replaced.map(({ name }) => name))].slice(0, MAX_NAMES).join(', ');
    return [`container ${quote(container.name)}: ${names} replaced, as the session's credentials are the only ones`];
  });
}

/** Variables named in one sentence. */
const MAX_NAMES = 8;
