import { isBuiltin } from 'node:module';
import type { Plugin } from 'esbuild';

/**
 * Takes Node's own modules as objects, and not by `import`: that asks for every name that a module exports, also for the
 * lazy ones. `import … from 'node:http'` loads Node's whole fetch and HTTP/2 by that, for `http.WebSocket` and the like:
 * 60 modules and 2.5 MB that a session container would hold for nothing.
 */
export const builtinsAsObjects: Plugin = {
  name: 'builtins-as-objects',
  setup(build) {
    build.onResolve({ filter: /^[a-z]/ }, ({ path, kind }) =>
      kind === 'import-statement' && isBuiltin(path) ? { path, namespace: 'builtin' } : undefined,
    );
    build.onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};
