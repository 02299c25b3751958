import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port on each of these addresses that nothing listens on at the moment. */
export async function freePorts<const T extends readonly string[]>(hosts: T): Promise<{ [K in keyof T]: number }> {
  // All are held until all are chosen, so that they differ.
  const servers = hosts.map((host) => createServer().listen(0, host));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
    return address.port;
  });
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports as { [K in keyof T]: number };
}
