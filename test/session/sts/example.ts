import type { Account, PolicyDocument, Provider, Role, User } from './account.ts';

/** An account as an admin would set it up for sessions: a base role, a session role, and a user with keys. */

export const ACCOUNT_ID = '111122223333';
export const REGION = 'eu-central-1';
export const BASE_ROLE = `arn:aws:iam::${ACCOUNT_ID}:role/agents-base`;
export const SESSION_ROLE = `arn:aws:iam::${ACCOUNT_ID}:role/agents-session`;

/** Keys that lie about in images and home directories, and that an agent must not end up with. */
export const STRAY_USER: User = {
  arn: `arn:aws:iam::${ACCOUNT_ID}:user/left-behind`,
  accessKeyId: 'AKIAIOSFODNN7LEFTOVER',
  secretAccessKey: 'kept-in-a-file-that-somebody-forgot-about',
  permissions: allow(['sts:AssumeRole', 'sts:SetSourceIdentity', 'sts:TagSession', 's3:*'], '*'),
};

const SESSION_ACTIONS = ['sts:AssumeRole', 'sts:SetSourceIdentity', 'sts:TagSession'] as const;

/** Denies every call outside STS that carries no human. */
export const ONLY_WITH_SOURCE_IDENTITY: PolicyDocument = {
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'DenyCallsWithoutAHuman',
      Effect: 'Deny',
      NotAction: 'sts:*',
      Resource: '*',
      Condition: { Null: { 'aws:SourceIdentity': 'true' } },
    },
  ],
};

/** @param subject the service account that may assume the base role, as its tokens name it */
export function exampleAccount(provider: Provider, subject = 'system:serviceaccount:team:agent'): Account {
  return {
    id: ACCOUNT_ID,
    region: REGION,
    roles: [baseRole(provider, subject), SESSION],
    users: [STRAY_USER],
    providers: [provider],
    serviceControl: ONLY_WITH_SOURCE_IDENTITY,
  };
}

function baseRole({ issuer, audiences }: Provider, subject: string): Role {
  const name = issuer.replace(/^https:\/\//, '');
  const conditions = { StringEquals: { [`${name}:sub`]: subject, [`${name}:aud`]: audiences } };
  return {
    arn: BASE_ROLE,
    trust: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Federated: `arn:aws:iam::${ACCOUNT_ID}:oidc-provider/${name}` },
          Action: 'sts:AssumeRoleWithWebIdentity',
          Condition: conditions,
        },
        {
          Effect: 'Allow',
          Principal: { Service: 'pods.eks.amazonaws.com' },
          Action: ['sts:AssumeRole', 'sts:TagSession'],
        },
      ],
    },
    permissions: allow(SESSION_ACTIONS, SESSION_ROLE),
    // EKS Pod Identity asks for six hours.
    maxSessionSeconds: 21_600,
  };
}

const SESSION: Role = {
  arn: SESSION_ROLE,
  trust: {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { AWS: BASE_ROLE },
        Action: 'sts:AssumeRole',
        Condition: {
          StringLike: { 'sts:SourceIdentity': '*@acme.com', 'sts:RoleSessionName': 'fab-*' },
        },
      },
      {
        Effect: 'Allow',
        Principal: { AWS: BASE_ROLE },
        Action: ['sts:SetSourceIdentity', 'sts:TagSession'],
      },
    ],
  },
  permissions: allow(['s3:ListAllMyBuckets', 's3:PutObject', 's3:GetObject'], '*'),
  // More than an hour, so that what holds a session to one is that it is made from another.
  maxSessionSeconds: 43_200,
};

function allow(actions: readonly string[], resource: string): PolicyDocument {
  return { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: resource }] };
}
