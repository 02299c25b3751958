/**
 * An agent that reaches for more than its session gives it. It prints one JSON object: for each attempt what it got, or
 * the error that stopped it.
 *
 *     node /probes/reach.js API_SERVER ADDRESS_OF_ANOTHER_POD
 */
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';

const [, , server = '', other = ''] = process.argv;

console.log(
  JSON.stringify({
    baseToken: lookAt('/var/run/countersign-tokens/aws-token'),
    sessionToken: lookAt('/var/run/countersign-tokens/kubernetes-token'),
    keptKeys: lookAt('/var/run/countersign-private/credentials.json'),
    processes: processes(),
    localTokenAtTheServer: await askServer(read('/var/run/secrets/kubernetes.io/serviceaccount/token')),
    endpointOfAnother: await reach(other, 9911),
    proxyOfAnother: await reach(other, 9912),
  }),
);

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return codeOf(error);
  }
}

/** Whether it can be read: what stands there is nobody's business, and logs of tests are kept. */
function lookAt(path: string): string {
  try {
    readFileSync(path);
    return 'readable';
  } catch (error) {
    return codeOf(error);
  }
}

/** Every process that it can see, by its command line. */
function processes(): string[] {
  const numbers = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
  return numbers.map((number) => read(`/proc/${number}/cmdline`).replaceAll('\0', ' ').trim());
}

/** The answer of the API server itself to the token that clients are given, as its status. */
function askServer(token: string): Promise<number | string> {
  return new Promise((resolve) => {
    // Who it is does not matter here: an attacker does not ask for certificates either.
    const options = { headers: { authorization: `Bearer ${token}` }, rejectUnauthorized: false, timeout: 5_000 };
    request(new URL('/api', server), options, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', (error) => resolve(codeOf(error)))
      .end();
  });
}

function reach(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 5_000 }, () => resolve('connected'));
    socket.on('timeout', () => resolve('silence')).on('error', (error) => resolve(codeOf(error)));
    socket.on('close', () => socket.destroy());
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
