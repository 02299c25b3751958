import { defineConfig } from 'vitest/config';

const layer = (name: string, more: object = {}) => ({
  test: { name, root: '.', include: [`test/${name}/**/*.test.ts`], ...more },
});

export default defineConfig({
  test: {
    projects: [
      layer('unit', { testTimeout: 60_000 }),
      layer('server', { testTimeout: 60_000 }),
      layer('session', { testTimeout: 120_000, hookTimeout: 120_000 }),
      // One control plane serves all files of this layer, so they run one after the other.
      layer('cluster', {
        globalSetup: 'test/cluster/setup.ts',
        fileParallelism: false,
        testTimeout: 120_000,
        hookTimeout: 120_000,
      }),
      // The same with a node that runs pods.
      layer('node', {
        globalSetup: 'test/node/setup.ts',
        fileParallelism: false,
        testTimeout: 180_000,
        hookTimeout: 180_000,
      }),
    ],
  },
});
