import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PATH } from '../../../src/names.ts';
import { head, Wire } from '../../session/kubernetes/support/wire.ts';
import { connect } from '../fixture.ts';
import { Agent } from './support/agent.ts';
import { type PaperPod, podWithoutNode } from './support/pod.ts';

const cluster = connect();
/** The API server proxies to no loopback address, so the "pod" listens at one of this machine's others. */
const address = Object.values(networkInterfaces())
  .flatMap((each) => each ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
const missing = cluster.unavailable || (address === undefined ? 'this machine has loopback addresses only' : '');

/** A stream all the way: client, proxy, API server, and what a pod serves behind `pods/proxy`. */
describe.skipIf(missing)(`a stream through a real API server ${missing}`, () => {
  let agent: Agent;
  let served: Server;
  let paper: PaperPod;
  let echo: (socket: Duplex) => void = () => {};
  beforeAll(async () => {
    agent = await Agent.start(cluster);
    served = createServer().on('upgrade', (_, socket) => {
      socket.on('error', () => {});
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      echo(socket);
    });
    served.listen(0, address);
    await once(served, 'listening');
    paper = await podWithoutNode(cluster, agent.namespace, address);
  });
  afterAll(async () => {
    await paper.remove();
    served.close();
    await agent[Symbol.asyncDispose]();
  });

  const open = async () => {
    const account = (file: string) =>
      readFileSync(join(agent.pod.places.shared, PATH.serviceAccountSubPath, file), 'utf8');
    const way = { port: agent.port, secrets: { ca: account('ca.crt'), token: account('token') } };
    const wire = await Wire.open(way);
    const port = (served.address() as AddressInfo).port;
    const path = `/api/v1/namespaces/${agent.namespace}/pods/${paper.name}:${port}/proxy/`;
    wire.send(head(way, `GET ${path} HTTP/1.1`, ['Connection: Upgrade', 'Upgrade: websocket']));
    return wire;
  };

  it('four megabytes there and back are the same', async () => {
    echo = (socket) => socket.pipe(socket);
    const wire = await open();
    expect(await wire.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 101 /);
    const sent = 'The quick brown fox jumps.\n'.repeat(150_000);
    wire.send(`${sent}END`);
    const all = await wire.until('END');
    expect(all.slice(all.indexOf('\r\n\r\n') + 4) === `${sent}END`).toBe(true);
    wire.socket.destroy();
  });

  it('what the pod says last arrives before its end', async () => {
    echo = (socket) => socket.end('x'.repeat(3_000_000));
    const wire = await open();
    expect((await wire.untilEnd()).match(/x/g)?.length).toBe(3_000_000);
    wire.socket.destroy();
  });
});
