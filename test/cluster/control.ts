import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { ComponentControl, ComponentName } from './cluster.ts';
import { componentNames } from './components.ts';

/*
 * Test files run in worker processes, which cannot hold the handle of a child of the main process. So the main process
 * takes orders for its components on a Unix socket in the control plane's directory, which only its user can enter.
 */

/** Serves `control` on the socket. Returns how to stop doing so. */
export async function serveControl(socketPath: string, control: ComponentControl): Promise<() => Promise<void>> {
  const server = createServer((incoming, response) => {
    const [, verb, name] = (incoming.url ?? '').split('/');
    const component = componentNames.find((known) => known === name);
    const done =
      component === undefined || (verb !== 'start' && verb !== 'stop')
        ? Promise.reject(new Error(`no such order: ${incoming.url}`))
        : verb === 'start'
          ? control.startComponent(component)
          : control.stopComponent(component);
    done.then(
      () => response.writeHead(204).end(),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    );
  });
  await once(server.listen(socketPath), 'listening');
  return async () => {
    server.closeAllConnections();
    await once(server.close(), 'close');
  };
}

/** Gives the orders that `serveControl` takes. */
export function remoteControl(socketPath: string): ComponentControl {
  const order = (verb: 'start' | 'stop', name: ComponentName): Promise<void> =>
    new Promise((resolve, reject) => {
      const call = request({ socketPath, path: `/${verb}/${name}`, method: 'POST', agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => (response.statusCode === 204 ? resolve() : reject(new Error(text))));
      });
      call.on('error', reject);
      call.end();
    });
  return { startComponent: (name) => order('start', name), stopComponent: (name) => order('stop', name) };
}
