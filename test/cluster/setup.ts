import type { TestProject } from 'vitest/node';
import type { Connection } from './cluster.ts';
import { serveControl } from './control.ts';
import { startControlPlane } from './control-plane.ts';
import { layoutOf } from './layout.ts';
import { findTools } from './tools/build.ts';

declare module 'vitest' {
  interface ProvidedContext {
    cluster: Connection | { readonly unavailable: string };
  }
}

/** Starts the one control plane that all files of the cluster layer use, and hands its whereabouts to them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const log = (line: string) => project.vitest.logger.log(line);
  const tools = await findTools(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'], log);
  if ('unavailable' in tools) {
    project.provide('cluster', tools);
    return async () => nameSkipped(project, `there is no control plane: ${tools.unavailable}`);
  }
  const controlPlane = await startControlPlane({ tools });
  const stopServing = await serveControl(layoutOf(controlPlane.dir).control, controlPlane);
  project.provide('cluster', controlPlane.connection);
  return async () => {
    await stopServing();
    await controlPlane.close();
  };
}

/** The default reporter says how many tests were skipped, but neither which nor why. */
export function nameSkipped(project: TestProject, reason: string): void {
  const modules = project.vitest.state.getTestModules().filter((module) => module.project.name === project.name);
  const skipped = modules.flatMap((module) =>
    [...module.children.allTests('skipped')].map((test) => `  ${module.relativeModuleId} > ${test.fullName}`),
  );
  if (skipped.length > 0) project.vitest.logger.log([`Skipped, because ${reason}`, ...skipped, ''].join('\n'));
}
