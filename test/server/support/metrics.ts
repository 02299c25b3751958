/** The value of one series in the text that Prometheus reads; undefined when there is no such series. */
export function seriesIn(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  for (const line of text.split('\n')) {
    const [, series, inBraces = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (series === name && wanted.every((label) => inBraces.split(',').includes(label))) return Number(value);
  }
  return undefined;
}
