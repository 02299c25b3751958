/** The part of autocannon that is used here; the package has no types. */
declare module 'autocannon' {
  interface Options {
    url: string;
    connections: number;
    amount: number;
    /** Seconds that one request may take. */
    timeout: number;
    method: 'GET' | 'POST';
    headers: Record<string, string>;
    body?: string;
    /** Milliseconds between two looks at whether all is done. */
    sampleInt: number;
  }

  interface Result {
    '2xx': number;
    non2xx: number;
    errors: number;
    timeouts: number;
    resets: number;
  }

  interface Instance extends PromiseLike<Result> {
    on(
      event: 'response',
      listener: (client: unknown, status: number, bytes: number, milliseconds: number) => void,
    ): void;
    stop(): void;
  }

  export default function autocannon(options: Options): Instance;
}
