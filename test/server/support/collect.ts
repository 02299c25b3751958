/**
 * Loaded into the server's process by `--import`, with `--expose-gc` and a message channel: answers every message with
 * the memory that is in use after garbage was collected.
 */
if (process.send !== undefined && globalThis.gc !== undefined) {
  const collect = globalThis.gc;
  const reply = process.send.bind(process);
  process.on('message', () => {
    collect();
    const { heapUsed, external, rss } = process.memoryUsage();
    reply({ heapUsed, external, rss });
  });
  // The channel must not keep the process from ending.
  process.channel?.unref();
}
