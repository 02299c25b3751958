import { open } from 'node:fs/promises';
import { Fault, reasonOf } from '../../errors.ts';

/** kubelet renews a projected token at 80 % of its life, minutes before its end; client-go reads it again as often. */
const READ_AGAIN_MS = 10_000;
/** A service account token has 1 to 2 KB. */
const MOST_BYTES = 16_384;
/** Three parts in base64url (RFC 7515): nothing in it can end a header and begin another. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

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
  const text = await readBounded(path);
  // Written by hand, a file ends its line; sent with it, every request would fail.
  const token = text.trim();
  if (text.length <= MOST_BYTES && JWT.test(token)) return token;
  const flaw =
    text.length > MOST_BYTES ? `it has more than ${MOST_BYTES} bytes` : 'it is not three parts with dots between';
  throw noToken(path, `does not hold a service account token: ${flaw}`);
}

async function readBounded(path: string): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(MOST_BYTES + 1), 0, MOST_BYTES + 1, 0);
      return buffer.toString('latin1', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    throw noToken(path, `cannot be read: ${reasonOf(thrown)}`, thrown);
  }
}

function noToken(path: string, what: string, cause?: unknown): Fault {
  return new Fault(
    'KubernetesAccessFailed',
    `${path} ${what}. Next: look whether the pod has its projected token, and whether kubelet could renew it`,
    { cause },
  );
}
