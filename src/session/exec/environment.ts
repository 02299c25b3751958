import { isManagedVariable } from '../../injection/ours.ts';
import { CREDENTIALS_PATH, ENV, SESSION_SETTING } from '../../names.ts';
import type { Assumption } from '../assume.ts';
import type { Environment } from '../settings.ts';
import type { TemporaryCredentials } from '../sts/credentials.ts';

/** How the command gets its AWS credentials: keys for one lifetime, or an endpoint that renews them. */
export type Mechanism =
  | { readonly kind: 'keys'; readonly credentials: TemporaryCredentials }
  | { readonly kind: 'endpoint'; readonly port: number; readonly tokenFile: string };

/** Files in the private directory that the command is pointed to. */
export interface ChildFiles {
  readonly awsConfig: string;
  readonly awsCredentials: string;
  readonly kubeconfig: string;
}

/**
 * Variables beside those of pods that would lead a client somewhere else: the end of other keys, and their token by its
 * older name, which botocore prefers; the address by which in-cluster clients find the API server, with the token of
 * this pod and in nobody's name.
 */
const DROPPED: ReadonlySet<string> = new Set([
  ...Object.values(SESSION_SETTING),
  'AWS_CREDENTIAL_EXPIRATION',
  'AWS_SECURITY_TOKEN',
  'KUBERNETES_SERVICE_HOST',
  'KUBERNETES_SERVICE_PORT',
  'KUBERNETES_SERVICE_PORT_HTTPS',
]);

/**
 * The command's environment: the caller's, with exactly one AWS mechanism and one way to Kubernetes. A source that is
 * left in place would win in one SDK or another, and its calls would carry nobody's name.
 */
export function childEnvironment(
  env: Environment,
  { operator, roleArn, durationSeconds, sessionId }: Assumption,
  region: string,
  mechanism: Mechanism,
  files: ChildFiles,
): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !isManagedVariable(entry[0]) && !DROPPED.has(entry[0]),
  );
  return {
    ...Object.fromEntries(kept),
    [ENV.operator]: operator,
    [ENV.roleArn]: roleArn,
    [ENV.duration]: String(durationSeconds),
    [ENV.sessionId]: sessionId,
    [ENV.kubeconfig]: files.kubeconfig,
    // The profile that may have said so is out of reach; botocore reads only the second.
    AWS_REGION: region,
    AWS_DEFAULT_REGION: env['AWS_DEFAULT_REGION'] ?? region,
    AWS_CONFIG_FILE: files.awsConfig,
    AWS_SHARED_CREDENTIALS_FILE: files.awsCredentials,
    AWS_EC2_METADATA_DISABLED: 'true',
    // Blank, as in pods: unset, botocore looks for keys in ~/.boto before it asks an endpoint.
    BOTO_CONFIG: '',
    ...(mechanism.kind === 'keys'
      ? {
          AWS_ACCESS_KEY_ID: mechanism.credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: mechanism.credentials.secretAccessKey,
          AWS_SESSION_TOKEN: mechanism.credentials.sessionToken,
        }
      : {
          AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${mechanism.port}${CREDENTIALS_PATH}`,
          AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: mechanism.tokenFile,
        }),
  };
}
