/**
 * Loaded into the server's process by `--import`, with `--expose-gc` and a message channel: answers every message with
 * the memory that is in use after garbage was collected.
 */
if (process.send !== undefined && globalThis.gc !== undefined) {
  const collect = globalThis.gc;
  const reply = process.send.bind(process);
  const answer = async () => {
    // Buffers are given back by what runs between two collections.
    for (let round = 0; round < 3; round += 1) {
      collect();
      await new Promise(setImmediate);
    }
    const { heapUsed, external } = process.memoryUsage();
    reply({ heapUsed, external });
  };
  process.on('message', () => void answer());
  // The channel must not keep the process from ending.
  process.channel?.unref();
}
