import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Addition, writeArchive } from '../../../.ci/image/archive.ts';
import { configuration } from '../../../.ci/image/configuration.ts';
import { stage } from '../../../.ci/image/contents.ts';
import { bundle } from '../../../.ci/bundle.ts';
import type { Machine } from './machine.ts';
import { find } from './prerequisites.ts';

/** The variable by which Node trusts the tests' authority; it is the image's, as no setting of a session is for that. */
const TRUST = 'NODE_EXTRA_CA_CERTS=/authority.crt';

/** What applications do in these tests: each is a file in `test/node/probes/`, and `/probes/NAME.js` in the image. */
const PROBES = ['whoami', 'reach'];

/** The images of these tests, as pods name them. */
export interface Images {
  /** Countersign's, by digest, with the tests' authority trusted in addition. */
  readonly session: string;
  /** For applications: a shell with the usual programs, kubectl, Node, and the probes. */
  readonly app: string;
}

const APPLETS = [
  'cat',
  'diff',
  'echo',
  'env',
  'grep',
  'head',
  'httpd',
  'id',
  'kill',
  'ls',
  'mkdir',
  'mount',
  'nc',
  'ps',
  'rm',
  'sed',
  'sh',
  'sleep',
  'tar',
  'touch',
  'tr',
  'true',
  'wc',
  'wget',
];

/**
 * Makes all images and hands them to containerd; no registry is asked for any.
 *
 * @param authority certificate of the authority that the session container trusts besides the public ones
 */
export async function loadImages(machine: Machine, kubectl: string, authority: string): Promise<Images> {
  const path = (name: string) => join(machine.dir, 'images', name);
  mkdirSync(path(''));
  const make = (name: string, addition: Omit<Addition, 'reference'>) =>
    writeArchive(path(`${name}.tar`), { reference: `${name}:test`, ...addition }, path(`${name}.work`));
  const load = (name: string) => machine.run('ctr', '--namespace=k8s.io', 'images', 'import', path(`${name}.tar`));

  const busybox = path('busybox');
  put(find('busybox') ?? '', join(busybox, 'bin/busybox'));
  await make('pause', { layers: [busybox], configuration: { Entrypoint: ['/bin/busybox', 'sleep', '2147483647'] } });
  load('pause');

  const { layers } = await stage(path('countersign'), false);
  await make('countersign', { layers, configuration });

  const trust = path('trust');
  mkdirSync(trust);
  writeFileSync(join(trust, 'authority.crt'), authority);
  const { digest } = await make('session', {
    base: path('countersign.tar'),
    layers: [trust],
    configuration: { Env: [TRUST] },
  });
  load('session');
  const session = `session@${digest}`;
  machine.run(
    'ctr',
    '--namespace=k8s.io',
    'images',
    'tag',
    'docker.io/library/session:test',
    `docker.io/library/${session}`,
  );

  const programs = path('programs');
  for (const probe of PROBES) await bundle(probe, `test/node/probes/${probe}.ts`, join(programs, 'probes'));
  put(kubectl, join(programs, 'bin/kubectl'));
  for (const name of APPLETS) symlinkSync('busybox', join(programs, 'bin', name));
  await make('app', {
    base: path('countersign.tar'),
    layers: [busybox, trust, programs],
    configuration: { Entrypoint: [], Env: ['PATH=/bin:/usr/local/bin', TRUST] },
  });
  load('app');
  return { session, app: 'app:test' };
}

function put(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
  chmodSync(to, 0o755);
}
