import { execFileSync } from 'node:child_process';
import { name, root } from './configuration.ts';
import type { Library } from './libraries.ts';

/** The part of CycloneDX 1.5 that is changed here. */
interface Bom {
  serialNumber?: string;
  readonly metadata: { timestamp?: string; readonly component: { name: string } };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string }[];
}

interface Component {
  readonly 'bom-ref': string;
  readonly type: string;
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly properties?: readonly { readonly name: string }[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

/**
 * What is in the image, as CycloneDX: the packages of the lock file that are not for development, and the libraries of
 * this machine. Nothing in it depends on when or in which directory it was made.
 */
export function billOfMaterials(libraries: readonly Library[]): string {
  const bom = JSON.parse(
    execFileSync('npm', ['sbom', '--package-lock-only', '--sbom-format=cyclonedx'], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 2 ** 25,
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  ) as Bom;
  delete bom.serialNumber;
  delete bom.metadata.timestamp;
  // npm takes the directory's.
  bom.metadata.component.name = name;
  const absent = new Set(bom.components.filter((each) => !isInside(each)).map((each) => each['bom-ref']));
  const components = [...bom.components.filter(isInside), ...libraries.map(component)];
  const dependencies = bom.dependencies.filter(({ ref }) => !absent.has(ref));
  return `${JSON.stringify({ ...bom, components, dependencies }, undefined, 2)}\n`;
}

/** `npm sbom --omit=dev` leaves out too much (npm 11.19: `yaml`, which a tool of development names too). */
function isInside({ name, properties = [] }: Component): boolean {
  if (properties.some((each) => each.name === 'cdx:npm:package:development')) return false;
  // Node comes as a package for each platform, of which the image holds one.
  return !name.startsWith('node-linux-') || name === nodePackage;
}

/** The package that holds Node for this platform. */
export const nodePackage = `node-${process.platform}-${process.arch}`;

function component({ path, sha256, debian }: Library): Component {
  const hashes = [{ alg: 'SHA-256', content: sha256 }];
  if (debian === undefined) return { 'bom-ref': path, type: 'file', name: path, hashes };
  const purl = `pkg:deb/debian/${debian.name}@${encodeURIComponent(debian.version)}`;
  return { 'bom-ref': path, type: 'library', name: path, version: debian.version, purl, hashes };
}
