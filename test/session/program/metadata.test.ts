import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** A metadata service that wants a token first, asked from within a network of its own. */
const ASK = `
  import { createServer } from 'node:http';
  import { once } from 'node:events';
  import { refuseOpenMetadata } from ${JSON.stringify(join(import.meta.dirname, '../../../src/session/metadata.ts'))};
  const server = createServer(({ method, headers }, response) => {
    if (method === 'PUT') return response.end('token');
    response.writeHead(headers['x-aws-ec2-metadata-token'] === 'token' ? 200 : 401).end('node-role');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const answer = await refuseOpenMetadata(['http://127.0.0.1:' + server.address().port]).then(() => 'closed', String);
  process.stdout.write(answer, () => process.exit());
`;

const NETWORK = ['--user', '--map-root-user', '--net'];
const UP = 'PATH=$PATH:/usr/sbin:/sbin ip link set lo up';
const { status } = spawnSync('unshare', [...NETWORK, 'sh', '-c', UP]);
const unavailable = status === 0 ? '' : ' (skipped: no network namespace can be made here, or there is no ip)';

test.skipIf(unavailable)(`open metadata is no session, however few ports the pod has${unavailable}`, () => {
  const asked = (range: string) => {
    const line = `${UP} && echo ${range} > /proc/sys/net/ipv4/ip_local_port_range && exec "$0" "$@"`;
    const node = [process.execPath, '--input-type=module', '-e', ASK];
    return spawnSync('unshare', [...NETWORK, 'sh', '-c', line, ...node], { encoding: 'utf8' }).stdout;
  };
  expect(asked('32768 60999')).toContain('hands this pod the credentials of its node');
  expect(asked('40000 40000')).toContain('no local port left');
});
