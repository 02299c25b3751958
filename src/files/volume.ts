import { realpath } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Reads files of a directory that belong together, as those of a Secret volume do: a key and its certificate, or all
 * secrets that are valid.
 *
 * Kubelet replaces a volume by moving the link `..data`, and only then adds and removes the links beside it, one by one
 * (k8s.io/kubernetes, `pkg/volume/util/atomic_writer.go`). So the files are read where `..data` leads to, which does not
 * change until it is removed, file by file, and then there is a newer one to be read.
 *
 * @param read is given the directory to read from
 */
export async function readVolume<Value>(directory: string, read: (from: string) => Promise<Value>): Promise<Value> {
  for (;;) {
    const from = await currentOf(directory);
    const [reading] = await Promise.allSettled([read(from)]);
    if (from !== (await currentOf(directory))) continue;
    if (reading.status === 'rejected') throw reading.reason;
    return reading.value;
  }
}

/** A directory that is no volume is read as it is. */
function currentOf(directory: string): Promise<string> {
  return realpath(join(directory, '..data')).catch(() => directory);
}
