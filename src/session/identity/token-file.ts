import { Fault, reasonOf } from '../../errors.ts';
import { COMPACT_JWS, readStart } from '../projected-token.ts';

/** STS takes web identity tokens of up to 20,000 characters. */
const MAX_BYTES = 20_000;

/**
 * Reads a projected token. It is read for every use, as kubelet replaces it at 80 % of its life; a newline at its end,
 * as an editor leaves it, is not part of it.
 *
 * @throws Fault `BaseIdentityFailed` when the file is not there or holds no token; never with the content
 */
export async function readToken(path: string): Promise<string> {
  let text: string;
  try {
    text = (await readStart(path, MAX_BYTES + 3)).replace(/\r?\n$/, '');
  } catch (thrown) {
    throw noToken(path, `cannot be read: ${reasonOf(thrown)}`, thrown);
  }
  if (text.length > MAX_BYTES) throw noToken(path, `has more than ${MAX_BYTES} bytes`);
  if (!COMPACT_JWS.test(text)) throw noToken(path, text === '' ? 'is empty' : 'holds no service account token');
  return text;
}

function noToken(path: string, flaw: string, cause?: unknown): Fault {
  return new Fault(
    'BaseIdentityFailed',
    `the pod's token for AWS, ${path}, ${flaw}. Next: look at the events of the pod; kubelet projects this token`,
    { cause },
  );
}
