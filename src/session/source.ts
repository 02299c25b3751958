import { join } from 'node:path';
import { TOKEN_FILE } from '../names.ts';
import { assumeSession, type BaseKeys, sessionNameOf } from './assume.ts';
import { podIdentity } from './identity/pod-identity.ts';
import { webIdentity } from './identity/web-identity.ts';
import { lookupWith } from './lookup.ts';
import { refuseOpenMetadata } from './metadata.ts';
import type { Places } from './places.ts';
import type { SessionSettings } from './settings.ts';
import { type Sts, stsAt } from './sts/client.ts';
import type { TemporaryCredentials } from './sts/credentials.ts';

/**
 * Gets a session's credentials, from the pod's own token on; all of it, every time. Instance metadata is asked anew too: an
 * author may delete the network policy that closed it once the session runs.
 */
export type Source = (deadline: AbortSignal) => Promise<TemporaryCredentials>;

/** The source that the settings name. */
export function sourceOf(settings: SessionSettings, places: Pick<Places, 'tokens' | 'metadata'>): Source {
  const sts = stsAt({ endpoint: settings.stsEndpoint, region: settings.region, lookup: lookupWith() });
  const base = baseKeys(settings, join(places.tokens, TOKEN_FILE.aws), sts);
  return async (deadline) => {
    const asked = [assumeSession(sts, base, settings, deadline), closedMetadata(settings, places)] as const;
    const [credentials] = await Promise.all(asked);
    return credentials;
  };
}

/** @throws Fault `InstanceMetadataOpen`, unless the policy accepts that */
export async function closedMetadata(
  { instanceMetadata }: SessionSettings,
  { metadata }: Pick<Places, 'metadata'>,
): Promise<void> {
  if (instanceMetadata === 'refuse') await refuseOpenMetadata(metadata);
}

function baseKeys({ base, sessionId }: SessionSettings, tokenFile: string, sts: Sts): BaseKeys {
  switch (base.kind) {
    case 'irsa': {
      const identity = { sts, tokenFile, roleArn: base.roleArn, sessionName: sessionNameOf(sessionId) };
      return (deadline) => webIdentity(identity, deadline);
    }
    case 'pod-identity':
      return (deadline) => podIdentity({ endpoint: base.endpoint, tokenFile }, deadline);
  }
}
