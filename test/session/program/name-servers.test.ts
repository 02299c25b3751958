import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SESSION_SETTING } from '../../../src/names.ts';
import { SessionPod } from '../support/session-pod.ts';

/** A network of its own, in which packets to one address go nowhere. */
const NETWORK = ['unshare', '--user', '--map-root-user', '--mount', '--net', 'sh', '-c'] as const;
const NOWHERE = 'PATH=$PATH:/usr/sbin:/sbin && ip link set lo up && ip route add 192.0.2.0/24 dev lo';
const [unshare, ...args] = NETWORK;
const { status } = spawnSync(unshare, [...args, NOWHERE]);
const unavailable = status === 0 ? '' : ' (skipped: no network namespace can be made here, or there is no ip)';

/** Name servers that never answer: the C library would wait for them for six minutes, and nothing could end it. */
const RESOLV_CONF = 'nameserver 192.0.2.1\nnameserver 192.0.2.2\noptions timeout:30 attempts:6\n';

test.skipIf(unavailable)(`DNS that hangs holds nothing up: not the reason, nor the end${unavailable}`, async () => {
  await using pod = await SessionPod.create();
  const file = join(pod.places.private, 'resolv.conf');
  writeFileSync(file, RESOLV_CONF);
  const wrapper = [...NETWORK, `${NOWHERE} && mount --bind ${file} /etc/resolv.conf && exec "$0" "$@"`];
  const env = { [SESSION_SETTING.stsEndpoint]: 'https://sts.eu-central-1.amazonaws.com' };
  const started = pod.start('run', { wrapper, env });
  expect(await started.exited).toEqual({ code: 78, signal: null });
  expect(started.errors).toMatch(
    /\[StsUnreachable\] .+no name server answers for sts\.eu-central-1\.amazonaws\.com.+DNS\)/,
  );
  expect(pod.shared).toEqual({});
});
