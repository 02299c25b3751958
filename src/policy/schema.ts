import { z } from 'zod';
import { REGION, ROLE_ARN } from '../aws.ts';
import { API } from '../names.ts';
import { adjusterSchema, carrierSchema, workloadSchema } from './schema-controllers.ts';
import { nameSchema as name } from './schema-name.ts';
import { PRESET_NAMES, presetParameters } from './presets.ts';

/**
 * The one description of an AttributionPolicy. It validates files, makes the CRD (`crd.ts`) and types the rest.
 * `.describe()` texts become the descriptions that `kubectl explain` shows.
 */

const pattern = z
  .string()
  .min(1)
  .max(1024)
  .describe('RE2 pattern, matched against the whole string; inline flags such as (?i) are refused.');

const roleArn = z.string().max(2048).regex(ROLE_ARN, 'must be the ARN of an IAM role');

const match = z
  .strictObject({
    username: pattern.optional().describe('Pattern for the username.'),
    groups: z.array(pattern).min(1).max(32).optional().describe('Patterns; each must match one of the groups.'),
    extra: z
      .record(z.string().min(1).max(253), pattern)
      .optional()
      .describe('Patterns by extra key; each key must be there with one value, and that must match.'),
  })
  .refine((value) => value.username !== undefined || value.groups !== undefined || value.extra !== undefined, {
    message: 'needs at least one of username, groups, extra: an empty match is everybody',
  })
  .describe('Conditions on the requester; all that are given must hold.');

const operatorRule = z
  .strictObject({
    name,
    preset: z.enum(PRESET_NAMES).optional().describe('A ready-made rule for a kind of cluster, instead of match.'),
    with: presetParameters.optional().describe('What the preset needs to know.'),
    groups: z.array(pattern).min(1).max(32).optional().describe('With a preset: patterns for groups, as in match.'),
    match: match.optional(),
    operator: z
      .strictObject({
        capture: z.int().min(1).max(9).optional().describe('Number of a capture group of match.username.'),
        extra: z.string().min(1).max(253).optional().describe('Extra key whose single value is the operator.'),
      })
      .refine((value) => (value.capture === undefined) !== (value.extra === undefined), {
        message: 'needs either capture or extra',
      })
      .optional()
      .describe('Where the operator comes from; default: capture group 1.'),
  })
  .refine((rule) => (rule.preset === undefined) !== (rule.match === undefined), {
    message: 'needs either preset or match',
  })
  .refine((rule) => rule.preset === undefined || rule.operator === undefined, {
    path: ['operator'],
    message: 'is fixed by the preset',
  })
  .refine((rule) => rule.preset !== undefined || (rule.with === undefined && rule.groups === undefined), {
    message: 'with and groups go with a preset; without one use match',
  });

const delegatorRule = z.strictObject({
  name,
  match,
  operators: z.array(pattern).min(1).max(64).describe('Patterns for the operators it may name.'),
});

const quantities = z
  .strictObject({
    cpu: quantity().optional(),
    memory: quantity().optional(),
    'ephemeral-storage': quantity().optional(),
  })
  .describe('Quantities by resource.');

function quantity() {
  // Kubernetes API reference, "Quantity".
  return z
    .string()
    .max(32)
    .regex(/^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/);
}

/** EKS user guide, "EKS Pod Identity": link-local addresses of the agent on every node. */
const POD_IDENTITY_ENDPOINTS = [
  'http://169.254.170.23/v1/credentials',
  'http://[fd00:ec2::23]/v1/credentials',
] as const;

const session = z
  .strictObject({
    identity: z
      .enum(['irsa', 'pod-identity'])
      .describe('Where the session container gets its AWS base identity: a web identity token, or EKS Pod Identity.'),
    baseRole: roleArn.optional().describe('With irsa: the role that may assume the session roles and nothing else.'),
    region: z.string().regex(REGION).describe('AWS region of the STS endpoint that the session container calls.'),
    roles: z
      .array(
        z.strictObject({
          arn: roleArn.describe('A session role.'),
          operators: z.array(pattern).min(1).max(64).optional().describe('Patterns for the operators who may use it.'),
          groups: z
            .array(pattern)
            .min(1)
            .max(64)
            .optional()
            .describe('Patterns for groups, any of which may use it; never holds for a delegated pod.'),
        }),
      )
      .min(1)
      .max(256)
      .describe('Roles in order: the first that fits is the default, any that fits may be asked for.'),
    durationSeconds: z
      .int()
      .min(900)
      .max(3600)
      .default(1800)
      .describe('Lifetime of the AWS keys; role chaining allows one hour at most.'),
    delivery: z
      .enum(['sidecar', 'files'])
      .default('sidecar')
      .describe('sidecar renews; files hands the agent keys for one lifetime and is for jobs that are shorter.'),
    stsEndpoint: z
      .string()
      .max(253)
      // Without `$`, which kubelet expands in variables.
      .regex(/^https:\/\/[a-z0-9.-]+(:[0-9]{1,5})?\/?$/, 'must be a URL such as https://sts.eu-central-1.amazonaws.com')
      .optional()
      .describe('URL of AWS STS, where it is not the public one of the region, such as an interface endpoint.'),
    podIdentityEndpoint: z
      .enum(POD_IDENTITY_ENDPOINTS)
      .default(POD_IDENTITY_ENDPOINTS[0])
      .describe("With pod-identity: where the node's agent answers; the second is for IPv6 clusters."),
    tags: z
      .boolean()
      .default(true)
      .describe('Whether AWS sessions get the transitive tags operator and session; needs sts:TagSession.'),
    instanceMetadata: z
      .enum(['refuse', 'accept'])
      .default('refuse')
      .describe("What becomes of a session whose pod can take the node's role from instance metadata."),
    kubernetes: z
      .strictObject({
        identity: z
          .enum(['none', 'pod'])
          .default('none')
          .describe("pod: the pod's own service account impersonates the operator, under RBAC that you write."),
      })
      .prefault({})
      .describe('Access to the Kubernetes API.'),
    resources: z
      .strictObject({ requests: quantities.optional(), limits: quantities.optional() })
      .optional()
      .describe('Resources of the session container, where the defaults do not fit a quota or a limit range.'),
  })
  .refine((value) => (value.identity === 'irsa') === (value.baseRole !== undefined), {
    path: ['baseRole'],
    message: 'is needed with identity irsa, and only there',
  })
  .refine((value) => value.kubernetes.identity === 'none' || value.delivery === 'sidecar', {
    path: ['kubernetes', 'identity'],
    message: 'needs delivery sidecar: the way to the API is a process that runs beside the application',
  });

const pods = z
  .strictObject({
    all: z.literal(true).optional().describe('Every pod of the namespace.'),
    serviceAccounts: z.array(z.string().min(1).max(253)).min(1).max(256).optional().describe('Pods of these accounts.'),
    labels: z.record(z.string().min(1).max(317), z.string().max(63)).optional().describe('Pods with all these labels.'),
  })
  .refine((value) => Object.values(value).filter((part) => part !== undefined).length === 1, {
    message: 'needs exactly one of all, serviceAccounts, labels',
  })
  .describe('Which pods of a governed namespace are attributed.');

export const policySpecSchema = z.strictObject({
  pods: pods.default({ all: true }),
  operators: z
    .array(operatorRule)
    .max(256)
    .default([])
    .describe('Who is an operator: rules in order, the first that matches decides.'),
  delegators: z.array(delegatorRule).max(256).default([]).describe('Non-human identities that may name an operator.'),
  carriers: z
    .array(carrierSchema)
    .max(64)
    .default([])
    .describe('Controllers outside Kubernetes that make pods or workloads for objects that a human submitted.'),
  adjusters: z
    .array(adjusterSchema)
    .max(64)
    .default([])
    .describe('Identities that may change fields of pod templates after a human submitted them.'),
  workloads: z.array(workloadSchema).max(64).default([]).describe('Kinds of workloads beside those that are known.'),
  session: session.describe('What a session is given.'),
  left: z.array(z.string().min(2).max(64)).max(10_000).default([]).describe('Operators who left.'),
  allow: z
    .strictObject({
      tokenAudiences: z
        .array(z.string().min(1).max(253))
        .max(64)
        .default([])
        .describe('Audiences of projected service account tokens that pods may carry.'),
      csiDrivers: z.array(z.string().min(1).max(253)).max(64).default([]).describe('Inline CSI drivers pods may use.'),
    })
    .prefault({})
    .describe('Sources of credentials that are tolerated.'),
  podSecurity: z
    .enum(['namespace', 'cluster'])
    .default('namespace')
    .describe('Who enforces Pod Security baseline: the namespace by its label, or the cluster in another way.'),
});

export const policySchema = z.object({
  apiVersion: z.literal(API.apiVersion),
  kind: z.literal(API.policyKind),
  metadata: z.looseObject({
    name: z
      .string()
      .max(63, 'has more than 63 characters, so no namespace label can name it')
      .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'must be a DNS label: namespaces name the policy in a label'),
  }),
  spec: policySpecSchema,
});

/** A policy as written, with defaults filled in. */
export type PolicySpec = z.output<typeof policySpecSchema>;
export type OperatorRuleSpec = PolicySpec['operators'][number];
export type MatchSpec = NonNullable<OperatorRuleSpec['match']>;
