import { Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import type { LookupFunction } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { callbackify } from 'node:util';

export interface LookupOptions {
  /** Name servers, for tests; undefined for those of /etc/resolv.conf. */
  readonly servers?: readonly string[];
  readonly hostsFile?: string;
}

/** A name server that is there answers within this, and another one is asked after it. */
const TIMEOUT_MS = 600;
const TRIES = 2;
/** However many name servers there are: less than one attempt at a connection, whose error then tells the reason. */
const WITHIN_MS = 2_000;

/** How long the addresses of one family wait for those of the other (RFC 8305, "Resolution Delay"). */
const OTHER_FAMILY_MS = 50;

/**
 * Finds addresses without the C library's `getaddrinfo`. That one runs in a thread which nothing can stop: while DNS
 * hangs, Node would neither end when told to, for minutes, nor read files, as the threads for both are the same four.
 *
 * Names are taken as they are, without search domains: those that a session asks are complete, and with `ndots:5`,
 * which pods have, each would be asked for in every search domain first. /etc/hosts counts, as pods have `hostAliases`.
 */
export function lookupWith({ servers, hostsFile = '/etc/hosts' }: LookupOptions = {}): LookupFunction {
  const find = callbackify((name: string) => addressesOf(name, hostsFile, servers));
  return (hostname, { all }, callback) => {
    find(hostname, (error, found) => {
      if (error !== null) callback(error, []);
      else if (all === true) callback(null, found);
      else callback(null, found[0]?.address ?? '', found[0]?.family);
    });
  };
}

interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** @throws Error of the name server, with code `ENOTFOUND`, `ENODATA` and so on, or because none answers */
async function addressesOf(name: string, hostsFile: string, servers?: readonly string[]): Promise<Address[]> {
  const listed = listedIn(hostsFile, name);
  if (listed.length > 0) return listed;
  // New for each name, as kubelet may have written /etc/resolv.conf anew.
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  if (servers !== undefined) resolver.setServers(servers);
  const bound = setTimeout(() => resolver.cancel(), WITHIN_MS);
  try {
    return await ask(resolver, name);
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && UNANSWERED.has(thrown.code))) throw thrown;
    throw new Error(`no name server answers for ${name}`, { cause: thrown });
  } finally {
    clearTimeout(bound);
    resolver.cancel();
  }
}

const UNANSWERED = new Set<unknown>(['ETIMEOUT', 'ECANCELLED']);

/** The addresses of both families; those of one when the other's are late. */
async function ask(resolver: Resolver, name: string): Promise<Address[]> {
  const four = resolver.resolve4(name).then((found) => found.map((address) => ({ address, family: 4 }) as const));
  const six = resolver.resolve6(name).then((found) => found.map((address) => ({ address, family: 6 }) as const));
  // Without any, the reason for IPv4 is the one that people know.
  await Promise.any([four, six]).catch(() => four);
  const late = pause(OTHER_FAMILY_MS, [], { ref: false });
  const found = await Promise.all([four, six].map((each) => Promise.race([each.catch(() => []), late])));
  return found.flat();
}

/** hosts(5): an address, then its names. */
function listedIn(hostsFile: string, name: string): Address[] {
  let text = '';
  try {
    text = readFileSync(hostsFile, 'utf8');
  } catch {
    // A container need not have one.
  }
  return text.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (!names.includes(name)) return [];
    return [{ address, family: address.includes(':') ? 6 : 4 } as const];
  });
}
