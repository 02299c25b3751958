/** What an AWS account has that matters to STS: roles, users, identity providers, and what its organisation forbids. */
export interface Account {
  /** Twelve digits. */
  readonly id: string;
  readonly region: string;
  readonly roles: readonly Role[];
  readonly users?: readonly User[];
  readonly providers?: readonly Provider[];
  /** A service control policy: what it denies, nobody in the account may do. */
  readonly serviceControl?: PolicyDocument;
}

export interface Role {
  readonly arn: string;
  /** Who may have sessions of the role, and which. */
  readonly trust: PolicyDocument;
  /** What such a session may do. */
  readonly permissions: PolicyDocument;
  /** IAM's default is an hour. */
  readonly maxSessionSeconds?: number;
}

/** Somebody with keys that do not end. */
export interface User {
  readonly arn: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly permissions: PolicyDocument;
}

/** An OpenID Connect provider of the account. */
export interface Provider {
  /** With `https://`. */
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** What the issuer publishes; asked at every token, as keys rotate. */
  readonly keys: () => Promise<readonly JsonWebKey[]>;
}

/** A public key (RFC 7517). */
export type JsonWebKey = import('node:crypto').webcrypto.JsonWebKey & { readonly kid?: string };

export interface PolicyDocument {
  readonly Version: '2012-10-17';
  readonly Statement: readonly Statement[];
}

export interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal?: '*' | Readonly<Record<string, OneOrMore>>;
  readonly Action?: OneOrMore;
  readonly NotAction?: OneOrMore;
  readonly Resource?: OneOrMore;
  readonly NotResource?: OneOrMore;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, OneOrMore>>>>;
}

export type OneOrMore = string | readonly string[];

export function listOf(value: OneOrMore | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/** The name of a provider in trust policies: `Federated`, and the prefix of its condition keys. */
export function providerArn(account: Account, provider: Provider): string {
  return `arn:aws:iam::${account.id}:oidc-provider/${providerName(provider)}`;
}

export function providerName({ issuer }: Provider): string {
  return issuer.replace(/^https:\/\//, '');
}
