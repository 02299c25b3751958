import { join } from 'node:path';
import { TOKEN_FILE } from '../names.ts';
import { assumeSession, type BaseKeys, sessionNameOf } from './assume.ts';
import { podIdentity } from './identity/pod-identity.ts';
import { webIdentity } from './identity/web-identity.ts';
import { lookupWith } from './lookup.ts';
import type { Places } from './places.ts';
import type { SessionSettings } from './settings.ts';
import { type Sts, stsAt } from './sts/client.ts';
import type { TemporaryCredentials } from './sts/credentials.ts';

/** Gets a session's credentials, from the pod's own token on; all of it, every time. */
export type Source = (deadline: AbortSignal) => Promise<TemporaryCredentials>;

/** The source that the settings name. */
export function sourceOf(settings: SessionSettings, places: Pick<Places, 'tokens'>): Source {
  const sts = stsAt({ endpoint: settings.stsEndpoint, region: settings.region, lookup: lookupWith() });
  const base = baseKeys(settings, join(places.tokens, TOKEN_FILE.aws), sts);
  return (deadline) => assumeSession(sts, base, settings, deadline);
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
