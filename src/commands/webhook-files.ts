import { fingerprintOfSecrets, PathSecrets, readPathSecrets } from '../admission/path-secret.ts';
import type { Webhook } from '../admission/server.ts';
import { fingerprintOfStampKeys, readStampKeys } from '../files/stamp-keys.ts';
import { Watched } from '../files/watched.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { fingerprintOf, readServingCertificate } from '../tls/files.ts';

/** The mounted files that the webhook takes up while it runs. What cannot be loaded leaves what was there before. */

/** Takes up the serving certificate, now and whenever it changes. */
export function watchCertificate(
  directory: string,
  webhook: Webhook,
  log: Logger,
  metrics: Metrics,
  loaded: () => void,
) {
  return new Watched({
    paths: [directory],
    read: () => readServingCertificate(directory),
    fingerprint: fingerprintOf,
    onValue: (certificate) => {
      webhook.setCertificate(certificate);
      metrics.reloads.inc({ file: 'tls', result: 'loaded' });
      log.info({ notAfter: certificate.notAfter }, 'certificate loaded');
      loaded();
    },
    onFailure: (problem) => {
      metrics.reloads.inc({ file: 'tls', result: 'failed' });
      log.error({ problem }, 'the certificate cannot be loaded; the one before, if any, stays');
    },
  });
}

/** Takes up the secrets that the path may hold. */
export function watchSecrets(directory: string, webhook: Webhook, log: Logger, metrics: Metrics, loaded: () => void) {
  return new Watched({
    paths: [directory],
    read: () => readPathSecrets(directory),
    fingerprint: fingerprintOfSecrets,
    onValue: (secrets) => {
      webhook.setPathSecrets(new PathSecrets(secrets));
      metrics.reloads.inc({ file: 'path', result: 'loaded' });
      log.info({ valid: secrets.length }, 'path secrets loaded');
      loaded();
    },
    onFailure: (problem) => {
      metrics.reloads.inc({ file: 'path', result: 'failed' });
      log.error({ problem }, 'the path secrets cannot be loaded; those before, if any, stay');
    },
  });
}

/** Takes up the keys that stamps are signed and verified with. */
export function watchStampKeys(directory: string, webhook: Webhook, log: Logger, metrics: Metrics, loaded: () => void) {
  return new Watched({
    paths: [directory],
    read: () => readStampKeys(directory),
    fingerprint: fingerprintOfStampKeys,
    onValue: (keys) => {
      webhook.setStampKeys(keys);
      metrics.reloads.inc({ file: 'stamp-keys', result: 'loaded' });
      log.info({ signing: keys.signing.kid, valid: keys.verifying.size }, 'stamp keys loaded');
      loaded();
    },
    onFailure: (problem) => {
      metrics.reloads.inc({ file: 'stamp-keys', result: 'failed' });
      log.error({ problem }, 'the stamp keys cannot be loaded; those before, if any, stay');
    },
  });
}
