import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { refuseOpenMetadata } from '../../../src/session/metadata.ts';
import { listening } from '../../session/support/listening.ts';

const ROLES = '/latest/meta-data/iam/security-credentials/';

/** A metadata service that knows one role; with `strict`, IMDSv2 alone, as an instance can require it. */
function service(strict: boolean, roles = 'node-role'): RequestListener {
  return ({ method, url, headers }, response) => {
    if (method === 'PUT' && url === '/latest/api/token') {
      const asked = headers['x-aws-ec2-metadata-token-ttl-seconds'] !== undefined;
      return response.writeHead(asked ? 200 : 400).end('A-token==');
    }
    const allowed = headers['x-aws-ec2-metadata-token'] === 'A-token==' || !strict;
    return response.writeHead(allowed ? (url === ROLES ? 200 : 404) : 401).end(url === ROLES ? roles : '');
  };
}

const IMDS_V1: RequestListener = ({ method, url }, response) =>
  response.writeHead(method === 'GET' && url === ROLES ? 200 : 404).end('node-role');

describe('instance metadata', () => {
  test.for([
    ['IMDSv1 and IMDSv2', service(false)],
    ['IMDSv1 alone, as proxies of the service have it', IMDS_V1],
    ['IMDSv2 alone', service(true)],
  ] as const)('%s: open', async ([, answers]) => {
    await using server = await listening(createServer(answers));
    await expect(refuseOpenMetadata([server.origin])).rejects.toThrow(
      expect.objectContaining({ code: 'InstanceMetadataOpen' }),
    );
  });

  test('one of two addresses is enough', async () => {
    await using open = await listening(createServer(service(true)));
    await expect(refuseOpenMetadata(['http://127.0.0.1:1', open.origin])).rejects.toThrow('credentials of its node');
  });

  test.for([
    ['a node without a role', service(false, '')],
    ['a service that refuses', (_, response) => response.writeHead(403).end('no')],
    ['another cloud’s', (_, response) => response.writeHead(404).end('<html></html>')],
    ['one that leads elsewhere', (_, response) => response.writeHead(302, { location: ROLES }).end('x')],
    ['one that hangs up', ({ socket }) => socket.destroy()],
    ['one that never answers', () => undefined],
    ['one that sends without end', (_, response) => void response.writeHead(200).end('x'.repeat(1_000_000))],
    [
      'one whose token is no header',
      ({ method }, response) => response.writeHead(method === 'PUT' ? 200 : 401).end('a\nb'),
    ],
  ] as const satisfies readonly (readonly [string, RequestListener])[])('%s: closed', async ([, answers]) => {
    await using server = await listening(createServer(answers));
    await refuseOpenMetadata([server.origin]);
  });

  test('nobody there: closed', async () => {
    await refuseOpenMetadata(['http://127.0.0.1:1', 'http://[::1]:1']);
  });

  test('a process that is held up does not take answers for late', async () => {
    // With a thread of its own, the service answers while this one stands still.
    const service = new Worker(
      `const { parentPort } = require('node:worker_threads');
       const server = require('node:http').createServer(({ method, headers }, response) => {
         const allowed = method === 'PUT' || headers['x-aws-ec2-metadata-token'] === 'token';
         response.writeHead(allowed ? 200 : 401).end(method === 'PUT' ? 'token' : 'node-role');
       });
       server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
      { eval: true },
    );
    const [port] = (await once(service, 'message')) as [number];
    const held = setInterval(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600), 1);
    await expect(refuseOpenMetadata([`http://127.0.0.1:${port}`])).rejects.toThrow('credentials of its node');
    clearInterval(held);
    await service.terminate();
  });
});
