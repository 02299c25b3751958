/**
 * `countersign session run|init|await-ready` in other places than a pod's:
 * `node run-session.ts '{"places":{…}}' PART [ARGUMENT…]`. Settings are environment variables, as in the pod.
 */
import { awaitReady } from '../../../src/session/await-ready.ts';
import { fail } from '../../../src/session/failure.ts';
import { init } from '../../../src/session/init.ts';
import type { Places } from '../../../src/session/places.ts';
import { run } from '../../../src/session/run.ts';
import { readSettings } from '../../../src/session/settings.ts';

const [, , json = '', part, ...rest] = process.argv;
const { places } = JSON.parse(json) as { readonly places: Places };

try {
  if (part === 'await-ready') await awaitReady(rest, places);
  else if (part === 'init') await init(readSettings(process.env), places);
  else if (part === 'run') await run(readSettings(process.env), places);
  else throw new Error(`no such part: ${part}`);
} catch (thrown) {
  fail(thrown, places);
}
