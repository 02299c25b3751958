import { Fault } from '../errors.ts';
import { fail } from '../session/failure.ts';
import { POD_PLACES, type Places } from '../session/places.ts';
import { readSettings, type SessionSettings } from '../session/settings.ts';

/**
 * `countersign session …`: what the session container runs, and `exec` for places without a webhook. It comes without
 * the command line library: every pod pays, in memory and in time, for what is loaded here.
 */

const USAGE = `Usage: countersign session run|init|await-ready|exec

  run                        hold the session open: credentials endpoint, Kubernetes proxy (the injected sidecar)
  init                       write the session's credentials into files, once (delivery: files)
  await-ready --seconds=N    wait until the session is ready (the sidecar's postStart hook)
  exec [--renew] [--proxy] -- COMMAND [ARGUMENT…]
                             run COMMAND in the name of FAB_OPERATOR, outside Kubernetes; see docs/session.md
`;

/** Runs one part. What goes wrong ends the process with status 78, after saying why where kubelet and people look. */
export async function session(args: readonly string[]): Promise<void> {
  const [part = '', ...rest] = args;
  const places = part === 'exec' ? undefined : POD_PLACES;
  try {
    switch (part) {
      case 'run':
        return await inPod((await import('../session/run.ts')).run);
      case 'init':
        return await inPod((await import('../session/init.ts')).init);
      case 'await-ready':
        return await (await import('../session/await-ready.ts')).awaitReady(rest, POD_PLACES);
      case 'exec':
        return await (await import('../session/exec/exec.ts')).exec(rest);
      default:
        process.stdout.write(USAGE);
        if (part !== '--help' && part !== 'help') throw new Fault('UsageInvalid', noSuch(part));
    }
  } catch (thrown) {
    fail(thrown, places);
  }
}

function noSuch(part: string): string {
  return `${part === '' ? 'no part was named' : `there is no part "${part}"`}. Next: name one of those above`;
}

function inPod(part: (settings: SessionSettings, places: Places) => Promise<void>): Promise<void> {
  return part(readSettings(process.env), POD_PLACES);
}
