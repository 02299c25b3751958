import { quote } from '../denials.ts';
import type { Claim } from '../operator/identify.ts';
import { ANNOTATION, ENV } from '../names.ts';
import { isSessionContainer } from './ours.ts';
import type { Pod } from './pod.ts';

/** What a pod itself says about its operator and its role. */
export interface Claims {
  readonly operator: Claim;
  readonly role: Claim;
}

/** What several places claim together; they must not differ. */
export function combineClaims(all: readonly Claims[]): Claims {
  return {
    operator: all.reduce<Claim>((claim, each) => combine(claim, each.operator), NONE),
    role: all.reduce<Claim>((claim, each) => combine(claim, each.role), NONE),
  };
}

/** What an annotation on a workload claims. */
export function claimsOfAnnotation(value: string | undefined): Claims {
  const operator: Claim =
    value === undefined ? NONE : { kind: 'value', value, where: `the annotation ${ANNOTATION.onBehalfOf}` };
  return { operator, role: NONE };
}

/** Reads what a pod claims. The session container of another session, in a copied pod, claims nothing. */
export function claimsOf(pod: Pod): Claims {
  const annotation = Object.hasOwn(pod.annotations, ANNOTATION.onBehalfOf)
    ? pod.annotations[ANNOTATION.onBehalfOf]
    : undefined;
  const variables = { operator: variable(pod, ENV.operator), role: variable(pod, ENV.roleArn) };
  return combineClaims([claimsOfAnnotation(annotation), variables]);
}

const NONE: Claim = { kind: 'none' };

/**
 * The literal value of a variable, over all containers.
 *
 * A `valueFrom` or a `$(reference)` is resolved when the container starts, from what may be another value by then; of
 * two entries with one name kubelet takes the last. Either way what is checked here would not be what runs.
 */
function variable(pod: Pod, name: string): Claim {
  let claim: Claim = NONE;
  for (const { container } of pod.containers) {
    if (isSessionContainer(container.raw)) continue;
    const entries = (container.env ?? []).filter((entry) => entry.name === name);
    const [entry] = entries;
    if (entry === undefined) continue;
    if (entries.length > 1) return unclear(`container ${quote(container.name)} sets ${name} ${entries.length} times`);
    if (entry['valueFrom'] !== undefined && entry['valueFrom'] !== null) {
      return unclear(`container ${quote(container.name)} sets ${name} by valueFrom`);
    }
    const value = typeof entry['value'] === 'string' ? entry['value'] : '';
    if (value.includes('$(')) return unclear(`container ${quote(container.name)} sets ${name} by a reference`);
    claim = combine(claim, { kind: 'value', value, where: `variable ${name} of container ${quote(container.name)}` });
    if (claim.kind === 'unclear') return claim;
  }
  return claim;
}

function combine(one: Claim, other: Claim): Claim {
  if (one.kind !== 'value' || other.kind === 'unclear') return one.kind === 'unclear' ? one : other;
  if (other.kind === 'none' || one.value === other.value) return one;
  return unclear(`${one.where} and ${other.where} differ`);
}

function unclear(problem: string): Claim {
  return { kind: 'unclear', problem };
}
