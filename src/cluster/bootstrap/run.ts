import type { AdmissionregistrationV1Api, CoreV1Api } from '@kubernetes/client-node';
import { Fault } from '../../errors.ts';
import { OBJECT } from '../../names.ts';
import { planAuthority } from './authority.ts';
import type { Change } from './change.ts';
import { planConfiguration } from './configuration.ts';
import {
  amend,
  type LiveObject,
  liveConfigMap,
  liveMutating,
  liveSecret,
  liveValidating,
  readValue,
} from './objects.ts';
import { pendingStep, planPathSecret, publishNext } from './path-secret.ts';
import { startReport } from './report.ts';
import { planServing } from './serving.ts';
import { planPublicKeys, planStampKeys, stampKeysIn } from './stamp-keys.ts';

export interface BootstrapOptions {
  /** Who makes the certificates: this program, or cert-manager, whose CA injector then also writes `caBundle`. */
  readonly certificate: 'own' | 'cert-manager';
  readonly rotatePathSecret: boolean;
  /** How long a change of a Secret may take to reach every replica. */
  readonly settleMs: number;
}

export interface BootstrapSurroundings {
  readonly core: CoreV1Api;
  readonly admission: AdmissionregistrationV1Api;
  readonly now: () => Date;
  readonly wait: (ms: number) => Promise<void>;
  /** Takes the result: one line an object. */
  readonly print: (line: string) => void;
  /** Takes what happens meanwhile. */
  readonly progress: (line: string) => void;
}

/**
 * Makes what is missing, repairs what does not fit, and leaves the rest alone, so that it may run at any time and any
 * number of times, also beside itself.
 *
 * The order is such that nobody uses what somebody else does not know yet: authority, path secret and stamp keys first,
 * then the webhook configurations that lead to whom these make ready, then the serving certificate, then rotation.
 *
 * @throws Fault `BootstrapFailed` naming the object, what is wrong with it, and the next step; `KeysInvalid` when there
 * are stamp keys that cannot be used, once everything else is done
 */
export async function bootstrap(options: BootstrapOptions, surroundings: BootstrapSurroundings): Promise<void> {
  const { core, admission, now, print } = surroundings;
  const authority = liveSecret(core, OBJECT.caSecret);
  const serving = liveSecret(core, OBJECT.tlsSecret);
  const pathSecret = liveSecret(core, OBJECT.pathSecret);
  const stampKeys = liveSecret(core, OBJECT.stampKeysSecret);
  const publicKeys = liveConfigMap(core, OBJECT.stampKeysConfigMap);
  const configurations = [liveMutating(admission), liveValidating(admission)];
  const own = options.certificate === 'own';
  const report = startReport();
  const mend: Mend = async (object, plan) => report.add(object.title, await amend(object, plan));

  const mendConfigurations = async () => {
    for (const configuration of configurations) {
      // The Secrets are read after the configuration: a run beside this one that has just moved the path wrote the
      // Secret first, so this one either sees its secret or fails on the configuration's version. Never does it put
      // an old path back.
      await mend(configuration, async (found) =>
        planConfiguration(configuration.title, found, {
          ...(own ? { trust: (await readValue(authority))['ca.crt'] ?? '' } : {}),
          pathSecret: await readValue(pathSecret),
        }),
      );
    }
  };

  const mendStampKeys = async () => {
    await mend(stampKeys, planStampKeys);
    // As above: a run of "countersign keys" beside this one writes the Secret first.
    await mend(publicKeys, async (found) => {
      const keys = stampKeysIn(await readValue(stampKeys));
      return keys && planPublicKeys(found, keys);
    });
  };

  try {
    if (own) await mend(authority, (data) => planAuthority(data, now()));
    await mend(pathSecret, planPathSecret);
    // Replicas go on with the stamp keys that they have; certificates must not end because those in the Secret are
    // broken and somebody is looking for a backup.
    const broken = await mendStampKeys().catch((fault: unknown) => fault);
    await mendConfigurations();
    if (own) await mend(serving, async (data) => planServing(data, await readValue(authority), now()));
    await rotate({ options, surroundings, pathSecret, mend, mendConfigurations });
    if (broken !== undefined) throw broken;
  } finally {
    // Also when it failed half-way: what was changed until then has been changed.
    for (const line of report.lines()) print(line);
  }
}

type Mend = <Value, Patch>(
  object: LiveObject<Value, Patch>,
  plan: (value: Value) => Change<Patch> | undefined | Promise<Change<Patch> | undefined>,
) => Promise<void>;

interface Rotation {
  readonly options: BootstrapOptions;
  readonly surroundings: BootstrapSurroundings;
  readonly pathSecret: ReturnType<typeof liveSecret>;
  readonly mend: Mend;
  readonly mendConfigurations: () => Promise<void>;
}

/** Two steps to finish what an earlier run began, three for a rotation, and some for a run beside this one. */
const STEPS_AT_MOST = 8;

/** Finishes the rotation that is under way, and does a whole one if asked to and none was waiting to be put to use. */
async function rotate({ options, surroundings, pathSecret, mend, mendConfigurations }: Rotation): Promise<void> {
  let wanted = options.rotatePathSecret;
  for (let step = 0; step < STEPS_AT_MOST; step += 1) {
    const before = await readValue(pathSecret);
    const pending = pendingStep(before);
    if (pending === undefined) {
      if (!wanted) return;
      await mend(pathSecret, publishNext);
      wanted = false;
      continue;
    }
    const seconds = options.settleMs / 1000;
    surroundings.progress(
      `Waiting ${seconds} s until every replica and API server has noticed, then: ${pending.step} …`,
    );
    await surroundings.wait(options.settleMs);
    await mend(pathSecret, (data) => {
      const now = pendingStep(data);
      // Another run may have gone on meanwhile; what it published needs a wait of its own.
      const same = data['next'] === before['next'] && data['previous'] === before['previous'];
      return same ? now : undefined;
    });
    if (pending.step === 'switch') {
      await mendConfigurations();
      wanted = false;
    }
  }
  throw new Fault(
    'BootstrapFailed',
    `${pathSecret.title}: other runs rotate it at the same time. Next: let one finish, then run this again`,
  );
}
