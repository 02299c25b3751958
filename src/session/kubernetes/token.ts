import { Fault, reasonOf } from '../../errors.ts';
import { COMPACT_JWS, readStart } from '../projected-token.ts';

/** kubelet renews a projected token at 80 % of its life, minutes before its end; client-go reads it again as often. */
const READ_AGAIN_MS = 10_000;
/** A service account token has 1 to 2 KB. */
const MOST_BYTES = 16_384;

/**
 * The token in a file that somebody else renews, as kubelet does by turning a symbolic link. It is read again if it was
 * read some seconds ago, by one reader at a time; meanwhile it comes from memory, and at once.
 *
 * @returns a function that gives the token
 * @throws Fault `KubernetesAccessFailed`, from that function, when there is none; the fault does not hold what was read
 */
export function tokenFrom(path: string, now: () => number = () => performance.now()): () => string | Promise<string> {
  let token = '';
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<string> | undefined;
  const read = async () => {
    try {
      token = await readToken(path);
      readAt = now();
      return token;
    } finally {
      reading = undefined;
    }
  };
  return () => {
    if (now() - readAt < READ_AGAIN_MS) return token;
    reading ??= read();
    return reading;
  };
}

/** @throws Fault `KubernetesAccessFailed` */
async function readToken(path: string): Promise<string> {
  const text = await readStart(path, MOST_BYTES + 1).catch((thrown: unknown) => {
    throw noToken(path, `cannot be read: ${reasonOf(thrown)}`, thrown);
  });
  // Written by hand, a file ends its line; sent with it, every request would fail.
  const token = text.trim();
  if (text.length <= MOST_BYTES && COMPACT_JWS.test(token)) return token;
  const flaw =
    text.length > MOST_BYTES ? `it has more than ${MOST_BYTES} bytes` : 'it is not three parts with dots between';
  throw noToken(path, `does not hold a service account token: ${flaw}`);
}

function noToken(path: string, what: string, cause?: unknown): Fault {
  return new Fault(
    'KubernetesAccessFailed',
    `${path} ${what}. Next: look whether the pod has its projected token, and whether kubelet could renew it`,
    { cause },
  );
}
