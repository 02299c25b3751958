import { expect } from 'vitest';
import type { RefusalCode } from '../../../../src/manifests/refusals.ts';
import type { Answer } from '../../admission/support/api.ts';

/** Expects that an admission policy refused, with this code. */
export function expectRefused({ status, body }: Answer, code: RefusalCode): void {
  expect({ status, reason: body.reason, message: body.message }).toEqual({
    status: 403,
    reason: 'Forbidden',
    message: expect.stringMatching(
      new RegExp(
        `^.*ValidatingAdmissionPolicy '[a-z-]+\\.countersign\\.dev' .* denied request: \\[${code}\\] .* Next: `,
      ),
    ),
  });
}

/** Expects success without a word. */
export function expectDone({ status, body, warnings }: Answer): void {
  expect({ status: Math.floor(status / 100) * 100, message: body.message, warnings }).toEqual({
    status: 200,
    message: undefined,
    warnings: [],
  });
}
