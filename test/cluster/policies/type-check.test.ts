import { describe, expect, it } from 'vitest';
import { ADMISSION_POLICY } from '../../../src/names.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { useAdmissionPolicies } from './support/use.ts';

const cluster = connect();

interface Policy {
  readonly metadata: { readonly generation: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly typeChecking?: { readonly expressionWarnings?: readonly unknown[] };
  };
}

describe.skipIf(cluster.unavailable)('the admission policies', () => {
  const away = useAdmissionPolicies(cluster);

  it.each(Object.values(ADMISSION_POLICY))('%s has the right types for Kubernetes', async (name) => {
    const path = `/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/${name}`;
    const checked = await until(`${name} is checked`, async () => {
      const { body } = await away.admin.call<Policy>('GET', path);
      return body.status?.observedGeneration === body.metadata.generation && body.status;
    });
    expect(checked.typeChecking?.expressionWarnings ?? []).toEqual([]);
  });
});
