import { z } from 'zod';

/**
 * What a stamp says. The names of the claims are an interface: evidence engines and people read them.
 *
 * | `typ` | on what | `dig` is of |
 * | --- | --- | --- |
 * | `stamp` | what a human or a delegator submitted | what the kind's digest covers |
 * | `custody` | what a carrier made of something stamped | what the kind's digest covers |
 * | `pod` | a pod | what Countersign planned into it |
 */

const reference = z.strictObject({
  group: z.string(),
  kind: z.string(),
  name: z.string(),
  uid: z.string(),
});

export const stampSchema = z.strictObject({
  v: z.literal(1).describe('Version of these claims.'),
  typ: z.enum(['stamp', 'custody', 'pod']),
  cid: z.string().min(1).describe('The cluster.'),
  jti: z.string().min(1).describe('Id of this statement.'),
  iat: z.int().describe('When it was signed, in seconds since the epoch, by the clock of the signer.'),
  op: z.string().describe('The operator.'),
  how: z
    .enum(['direct', 'delegated', 'restamped'])
    .describe('How the operator is known: as the requester, by a delegator, or as a cluster admin said.'),
  rule: z.string().describe('The rule of the policy that decided.'),
  by: z.string().optional().describe('Who named the operator, where that was somebody else.'),
  reason: z.string().optional().describe('Why, in the words of whoever had it stamped anew.'),
  adjusted: z.array(z.string()).optional().describe('Rules for adjusters that changed the template since.'),
  req: z
    .strictObject({ user: z.string(), uid: z.string().optional(), groups: z.array(z.string()) })
    .describe('The authenticated requester; of the groups at most 64, those first that roles are given to.'),
  role: z.string().describe('The session role granted when it was submitted; the policy decides again for each pod.'),
  ns: z.string().describe('The namespace.'),
  gov: z.string().describe('Since when the namespace was governed, as its annotation says.'),
  holder: z
    .strictObject({
      group: z.string(),
      kind: z.string(),
      name: z.string().optional(),
      generateName: z.string().optional().describe('Where the name was not known yet.'),
    })
    .describe('The object that it stands on.'),
  dig: z.string().describe('Digest, SHA-256 in base64url.'),
  parent: reference.optional().describe('Of custody: the object that the holder was made for.'),
  root: reference.optional().describe('The object that the human submitted.'),
});

export type StampClaims = z.output<typeof stampSchema>;

/** The claims of a new stamp, but for what the signer adds. */
export type UnsignedClaims = Omit<StampClaims, 'v' | 'cid' | 'jti' | 'iat'>;

export type Reference = z.output<typeof reference>;
