import { Fault } from '../../errors.ts';

/** What `countersign session exec` was asked to do. */
export interface ExecArguments {
  /** Serve credentials on loopback and renew them, instead of handing over keys for one lifetime. */
  readonly renew: boolean;
  /** Lead every Kubernetes client through a proxy, instead of those that honour `as` in a kubeconfig. */
  readonly proxy: boolean;
  readonly command: string;
  readonly commandArguments: readonly string[];
}

/**
 * Reads `[--renew] [--proxy] -- COMMAND [ARGUMENT…]`. The `--` is needed: without it an option of the command could be
 * taken for one of ours.
 *
 * @throws Fault `UsageInvalid`
 */
export function readArguments(args: readonly string[]): ExecArguments {
  const end = args.indexOf('--');
  const [command = '', ...commandArguments] = end < 0 ? [] : args.slice(end + 1);
  if (command === '') throw usage('there is no command to run');
  const options = args.slice(0, end);
  const unknown = options.find((option) => option !== '--renew' && option !== '--proxy');
  if (unknown !== undefined) throw usage(`there is no option "${unknown}"`);
  return { renew: options.includes('--renew'), proxy: options.includes('--proxy'), command, commandArguments };
}

function usage(flaw: string): Fault {
  return new Fault(
    'UsageInvalid',
    `${flaw}. Next: write it as countersign session exec [--renew] [--proxy] -- COMMAND [ARGUMENT…]`,
  );
}
