/** Makes dist/countersign.js and the files it loads: what the image holds. */
import { chmodSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundle } from './bundle.ts';

const dist = join(dirname(import.meta.dirname), 'dist');

rmSync(dist, { recursive: true, force: true });
const files = await bundle('countersign', 'src/main.ts', dist);
chmodSync(join(dist, 'countersign.js'), 0o755);
for (const { path, bytes } of files) console.log(`${String(Math.ceil(bytes / 1024)).padStart(6)} KiB  ${path}`);
