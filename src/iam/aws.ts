import { SESSION_IDENTITY } from '../names.ts';
import type { AwsFacts, SessionRole } from './facts.ts';
import { documentOf, type PolicyDocument, type Statement } from './document.ts';

/** What one role is given. */
export interface RolePolicies {
  readonly arn: string;
  readonly trustPolicy: PolicyDocument;
  readonly permissionsPolicy: PolicyDocument;
}

/** Everything that AWS has to be told for the sessions of one policy. */
export interface AwsPolicies {
  readonly baseRole: RolePolicies;
  readonly sessionRoles: readonly RolePolicies[];
  /** For the accounts of the session roles. */
  readonly serviceControlPolicy: PolicyDocument;
}

/** The policies that follow from a policy of ours and what the admin says of the AWS side. */
export function awsPolicies(facts: AwsFacts): AwsPolicies {
  const arns = facts.roles.map(({ arn }) => arn);
  return {
    baseRole: {
      arn: facts.baseRole,
      trustPolicy: documentOf(...(facts.base.kind === 'irsa' ? [webIdentity(facts.base)] : podIdentity(facts.base))),
      permissionsPolicy: basePermissions(arns),
    },
    sessionRoles: facts.roles.map((role) => ({
      arn: role.arn,
      trustPolicy: documentOf(...sessionTrust(facts, role)),
      permissionsPolicy: SESSION_DENIALS,
    })),
    serviceControlPolicy: serviceControl(arns),
  };
}

/** The cluster's tokens, of these service accounts and for STS alone, whatever else its issuer signs. */
function webIdentity({ provider, accounts }: Extract<AwsFacts['base'], { kind: 'irsa' }>): Statement {
  // The condition keys are the provider's URL without its scheme, which is how its ARN ends.
  const issuer = provider.slice(provider.indexOf('/') + 1);
  return {
    Sid: 'SessionContainers',
    Effect: 'Allow',
    Principal: { Federated: provider },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: {
      StringEquals: { [`${issuer}:aud`]: 'sts.amazonaws.com' },
      StringLike: {
        [`${issuer}:sub`]: accounts.map(({ namespace, name }) => `system:serviceaccount:${namespace}:${name}`),
      },
    },
  };
}

/**
 * One statement a namespace: two lists in one would let each name through in each namespace. The tags are those that
 * EKS Pod Identity sets itself (EKS user guide, "Enable or disable session tags").
 */
function podIdentity({ cluster, accounts }: Extract<AwsFacts['base'], { kind: 'pod-identity' }>): Statement[] {
  const namespaces = Map.groupBy(accounts, ({ namespace }) => namespace);
  return [...namespaces].map(([namespace, same], index) => ({
    Sid: `SessionContainers${index === 0 ? '' : index + 1}`,
    Effect: 'Allow',
    Principal: { Service: 'pods.eks.amazonaws.com' },
    Action: ['sts:AssumeRole', 'sts:TagSession'],
    Condition: {
      StringEquals: {
        'aws:RequestTag/eks-cluster-arn': cluster,
        'aws:RequestTag/kubernetes-namespace': namespace,
      },
      StringLike: { 'aws:RequestTag/kubernetes-service-account': same.map(({ name }) => name) },
    },
  }));
}

const ASSUME = ['sts:AssumeRole', 'sts:SetSourceIdentity', 'sts:TagSession'] as const;

/** Denied too, so that a policy which somebody attaches later does not turn the base role into a way round. */
function basePermissions(sessionRoles: readonly string[]): PolicyDocument {
  return documentOf(
    { Sid: 'SessionRoles', Effect: 'Allow', Action: ASSUME, Resource: sessionRoles },
    { Sid: 'NoOtherRole', Effect: 'Deny', Action: ASSUME, NotResource: sessionRoles },
    { Sid: 'NothingElse', Effect: 'Deny', NotAction: ASSUME, Resource: '*' },
  );
}

/**
 * AssumeRole is allowed with all that it has to carry; setting the name and the tags, which are actions of their own
 * within the same call, each by what it carries. AWS's reference lists for each action the condition keys that it
 * sees, and these are within those lists: one statement for all three would need keys that two of them may not see.
 *
 * The tag says the same as the SourceIdentity, so that no record tells another story; the session's name begins as its
 * evidence is looked for.
 */
function sessionTrust({ baseRole, base, tags }: AwsFacts, { operators }: SessionRole): Statement[] {
  const allow = { Effect: 'Allow', Principal: { AWS: baseRole } } as const;
  const named = { 'sts:SourceIdentity': operators };
  const tagged = { 'aws:RequestTag/operator': 'false', 'aws:RequestTag/session': 'false' };
  return [
    {
      Sid: 'InTheNameOfAnOperator',
      ...allow,
      Action: 'sts:AssumeRole',
      Condition: {
        StringLike: { ...named, 'sts:RoleSessionName': `${SESSION_IDENTITY.namePrefix}*` },
        ...(tags && {
          // A variable of IAM's.
          StringEquals: { 'aws:RequestTag/operator': '${sts:SourceIdentity}' },
        }),
        Null: { 'sts:SourceIdentity': 'false', ...(tags && tagged) },
      },
    },
    { Sid: 'TheName', ...allow, Action: 'sts:SetSourceIdentity', Condition: { StringLike: named } },
    // EKS Pod Identity's own tags are transitive, so even a session without tags of ours passes some.
    ...(tags || base.kind === 'pod-identity'
      ? [{ Sid: 'TheTags', ...allow, Action: 'sts:TagSession', ...(tags && { Condition: { Null: tagged } }) }]
      : []),
  ];
}

/**
 * Beside what the session role is for. Another role would be a session that outlives this one, and its rights nobody
 * granted to agents; a call without SourceIdentity comes from a session that was not made as ours are.
 */
const SESSION_DENIALS = documentOf(
  { Sid: 'NoFurtherRole', Effect: 'Deny', Action: 'sts:AssumeRole', Resource: '*' },
  nothingWithoutSourceIdentity(),
);

/** The same from outside the account, where its own admins cannot take it away. */
function serviceControl(sessionRoles: readonly string[]): PolicyDocument {
  return documentOf(nothingWithoutSourceIdentity({ ArnEquals: { 'aws:PrincipalArn': sessionRoles } }));
}

/** A service that goes on with a session's rights may come without SourceIdentity; the call that it serves had one. */
function nothingWithoutSourceIdentity(narrowed: Statement['Condition'] = {}): Statement {
  return {
    Sid: 'NothingWithoutSourceIdentity',
    Effect: 'Deny',
    Action: '*',
    Resource: '*',
    Condition: {
      Null: { 'aws:SourceIdentity': 'true' },
      BoolIfExists: { 'aws:ViaAWSService': 'false' },
      ...narrowed,
    },
  };
}
