import type { Json } from '../json.ts';
import type { Verdict } from './verdict.ts';

/** The AdmissionReview that answers a review (Kubernetes API reference, admission.k8s.io/v1). */
export function respond(uid: string, verdict: Verdict): Json {
  const { allowed, code, message, operations, warnings, auditAnnotations } = verdict;
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed,
      ...(operations.length > 0 && {
        patchType: 'JSONPatch',
        patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
      }),
      ...(warnings.length > 0 && { warnings }),
      ...(Object.keys(auditAnnotations).length > 0 && { auditAnnotations }),
      ...(!allowed && {
        status: {
          status: 'Failure',
          code: 403,
          reason: 'Forbidden',
          message: message ?? code,
          // The code as a field, for programs; the message is for people.
          details: { causes: [{ reason: code, message: message ?? code }] },
        },
      }),
    },
  };
}
