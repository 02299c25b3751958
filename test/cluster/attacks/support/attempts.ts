import type { Answer } from '../../admission/support/api.ts';
import type { Person } from '../../admission/support/person.ts';
import { verified } from '../../attribution/support/statements.ts';
import { CUSTODY, STAMP, type Verifier } from '../../attribution/support/lineage.ts';
import type { Stored } from '../../attribution/support/store.ts';
import { until } from '../../until.ts';

/** What became of an attempt. */
export type Attempt = Answer<Stored & { readonly message?: string }>;

/** The code with which Countersign refused an attempt; `done`, or what somebody else said, where it did not. */
export function codeOf({ status, body }: Answer<{ readonly message?: string }>): string {
  if (status < 300) return 'done';
  const [, code] = /countersign\.dev['"] .*?\[([A-Z][A-Za-z]+)\]/s.exec(body.message ?? '') ?? [];
  return code ?? `${status} ${body.message}`;
}

/** The code with which Countersign refused what kubectl was told to do, as `codeOf`. */
export async function kubectlCode(person: Person, namespace: string, args: readonly string[], stdin = '') {
  const { status, stderr } = await person.kubectl(['-n', namespace, ...args], stdin);
  return codeOf({ status: status === 0 ? 200 : 403, body: { message: stderr }, warnings: [] });
}

/** The ways to change what is stored, each as its own content type. */
export const WRITES = {
  'a merge patch': (person: Person, path: string, change: object) =>
    person.api.call<Attempt['body']>('PATCH', path, { body: change }),
  'server-side apply by force': (person: Person, path: string, change: object, object: Stored) => {
    const { apiVersion, kind } = object;
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const body = { apiVersion, kind, ...change };
    return person.api.call<Attempt['body']>('PATCH', `${path}?fieldManager=deployment-controller&force=true`, {
      body,
      headers,
    });
  },
  'a JSON patch': (person: Person, path: string, change: { metadata?: { annotations?: Record<string, string> } }) => {
    const annotations = Object.entries(change.metadata?.annotations ?? {});
    const body = annotations.map(([key, value]) => ({
      op: 'add',
      path: `/metadata/annotations/${key.replaceAll('/', '~1')}`,
      value,
    }));
    return person.api.call<Attempt['body']>('PATCH', path, {
      body,
      headers: { 'content-type': 'application/json-patch+json' },
    });
  },
  replacement: (person: Person, path: string, change: { metadata?: { annotations?: Record<string, string> } }) =>
    until(`${path} is not changed meanwhile`, async () => {
      const { body } = await person.api.call<Stored>('GET', path);
      const annotations = { ...body.metadata.annotations, ...change.metadata?.annotations };
      const whole = { ...body, metadata: { ...body.metadata, annotations, managedFields: undefined } };
      const answer = await person.api.call<Attempt['body']>('PUT', path, { body: whole });
      return answer.status !== 409 && answer;
    }),
} as const satisfies Record<
  string,
  (
    person: Person,
    path: string,
    change: { metadata?: { annotations?: Record<string, string> } },
    object: Stored,
  ) => Promise<Attempt>
>;

/** In whose name an object stands, by a genuine statement about it; `nobody` where there is none. */
export function namedOn({ keys }: Verifier, object: Stored): { readonly stamp: string; readonly custody: string } {
  const name = (key: string): string => {
    const token = object.metadata.annotations?.[key];
    return token === undefined ? 'nobody' : verified(token, keys).op;
  };
  return { stamp: name(STAMP), custody: name(CUSTODY) };
}

export function tokensOn({ metadata: { annotations = {} } }: Stored): Readonly<Record<string, string | undefined>> {
  return { stamp: annotations[STAMP], custody: annotations[CUSTODY] };
}
