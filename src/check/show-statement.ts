import { quote } from '../denials.ts';
import { titleOf } from '../lineage/metadata.ts';
import { type Reference, type StampClaims, stampSchema } from '../stamp/claims.ts';
import { readUnverified } from '../stamp/jws.ts';
import { holderTitle, type Statement } from './statements.ts';

/**
 * What a statement says, a line each, for people. It is shown and not believed: whoever wants to know whether it is
 * true runs `countersign stamp verify`. Every text in it may be a stranger's, so it is quoted.
 */
export function showStatement({ as, token }: Statement): readonly string[] {
  const { header, claims: said } = readUnverified(token);
  const parsed = stampSchema.safeParse(said);
  if (!parsed.success) return [`${as}: not of the form that Countersign makes`];
  const claims = parsed.data;
  const rows: (readonly [name: string, value: string | undefined])[] = [
    ['operator', quote(claims.op)],
    ['known', how(claims)],
    ['reason', claims.reason === undefined ? undefined : quote(claims.reason)],
    ['adjusted', claims.adjusted?.map(quote).join(', ')],
    ['requester', `${quote(claims.req.user)}${claims.req.uid === undefined ? '' : `, uid ${quote(claims.req.uid)}`}`],
    ['signed', time(claims.iat)],
    ['holder', `${holderTitle(claims.holder)}, namespace ${quote(claims.ns)}, cluster ${quote(claims.cid)}`],
    ['governed', `since ${quote(claims.gov)}`],
    ['parent', reference(claims.parent)],
    ['root', reference(claims.root)],
    ['role', quote(claims.role)],
    ['digest', quote(claims.dig)],
    ['key', quote(kidOf(header))],
    ['id', quote(claims.jti)],
  ];
  const shown = rows.flatMap(([name, value]) => (value === undefined ? [] : [`  ${name.padEnd(10)}${value}`]));
  return [`${as}${claims.typ === as ? '' : ` (of type ${claims.typ})`}:`, ...shown];
}

function how({ how, rule, by }: StampClaims): string {
  const decided = `rule ${quote(rule)}`;
  switch (how) {
    case 'direct':
      return `as the requester, by ${decided}`;
    case 'delegated':
      return `by delegator ${quote(by ?? '')}, by ${decided}`;
    case 'restamped':
      return `as ${quote(by ?? '')} said, with the right to restamp`;
  }
}

function reference(object: Reference | undefined): string | undefined {
  return object && `${titleOf(object, object.name)}, uid ${quote(object.uid)}`;
}

function time(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString();
}

function kidOf(header: unknown): string {
  const kid = typeof header === 'object' && header !== null && 'kid' in header ? header.kid : undefined;
  return typeof kid === 'string' ? kid : '';
}
