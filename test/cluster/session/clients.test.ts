import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pythonPackages } from '../../session/support/python.ts';
import { connect } from '../fixture.ts';
import { Agent, OPERATOR, whyNoMounts } from './support/agent.ts';
import { buildGoClient } from './support/go-client.ts';
import { type PaperPod, podWithoutNode } from './support/pod.ts';

const cluster = connect();
const noMounts = await whyNoMounts();
/** A first build of client-go, when nothing of it is in Go's cache. */
const BUILD_MS = 600_000;

describe.skipIf(cluster.unavailable)('a program of the agent', () => {
  let agent: Agent;
  let paper: PaperPod;
  beforeAll(async () => {
    agent = await Agent.start(cluster);
    paper = await podWithoutNode(cluster, agent.namespace);
  });
  afterAll(async () => {
    await paper.remove();
    await agent[Symbol.asyncDispose]();
  });

  const here = (file: string) => join(import.meta.dirname, file);
  const clients = {
    Python: async () => {
      const packages = await pythonPackages('kubernetes-client.txt');
      if (packages.unavailable !== undefined) return packages;
      return { program: packages.python, args: [here('agent.py')], env: { PYTHONPATH: packages.path } };
    },
    JavaScript: async () => ({ program: process.execPath, args: [here('agent.ts')], env: {} }),
    'client-go': async () => {
      const built = await buildGoClient();
      return built.unavailable === undefined ? { program: built.path, args: [], env: {} } : built;
    },
  };
  const ways = [
    ['the kubeconfig', false],
    ['in-cluster configuration', true],
  ] as const;
  const all = Object.entries(clients).flatMap(([name, find]) =>
    ways.map(([way, inCluster]) => ({ name, find, way, inCluster })),
  );

  it.for(all)(
    '$name by $way: gets, watches, applies, and enters a pod over a WebSocket',
    { timeout: BUILD_MS },
    async ({ name, find, inCluster }, { skip }) => {
      skip(inCluster && noMounts !== '', noMounts);
      const found = await find();
      if ('unavailable' in found) return skip(found.unavailable);
      const { program, args, env } = found;
      const before = cluster.auditEvents({ user: agent.account }).length;
      const { status, stdout, stderr } = await agent.run(program, [...args, agent.namespace, paper.name], {
        inCluster,
        env,
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const lines = stdout.trim().split('\n');
      expect(lines[0]).toMatch(new RegExp(`^watch (ADDED|MODIFIED) by ${name}$`));
      expect(lines[1]).toBe(`get by ${name}`);
      // The stream was opened; then the API server found nobody on the node, and said so over the stream.
      expect(lines.slice(2).join(' ')).toMatch(/^exec .*connection refused/);
      const exec = {
        user: agent.account,
        resource: 'pods',
        subresource: 'exec',
        name: paper.name,
        impersonated: OPERATOR,
      };
      await cluster.untilAudited(exec);
      const events = cluster.auditEvents({ user: agent.account }).slice(before);
      const verbs = new Set(
        events.filter(({ objectRef }) => objectRef?.namespace === agent.namespace).map(({ verb }) => verb),
      );
      expect([...verbs]).toEqual(expect.arrayContaining(['get', 'watch', 'patch']));
      expect(new Set(events.map(({ impersonatedUser }) => impersonatedUser?.username))).toEqual(new Set([OPERATOR]));
    },
  );

  it.each([
    ['exec over a WebSocket', ['exec', 'POD', '--', 'true'], {}],
    ['exec over SPDY', ['exec', 'POD', '--', 'true'], { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' }],
    ['attach', ['attach', 'POD'], {}],
    ['port-forward over a WebSocket', ['port-forward', 'POD', ':80'], {}],
    ['port-forward over SPDY', ['port-forward', 'POD', ':80'], { KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' }],
    ['logs -f', ['logs', '--follow', '--pod-running-timeout=1s', 'POD'], {}],
    ['cp', ['cp', 'POD:/etc/hosts', '/dev/null'], {}],
  ])('kubectl %s gets as far as the node', async (_, args, env) => {
    const line = args.map((arg) => arg.replace('POD', paper.name));
    const { status, stderr } = await agent.kubectl(line, { env });
    expect(status).not.toBe(0);
    expect(stderr).toContain('connection refused');
  });
});
