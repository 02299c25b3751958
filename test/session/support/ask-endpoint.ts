import { once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

export interface Asked {
  readonly port: number;
  readonly token?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request to a session's credentials endpoint, as it would come from a client of any kind. */
export async function askEndpoint({ port, token, path = '/v1/credentials', method = 'GET', headers }: Asked): Promise<{
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, string>>;
}> {
  const sent = request({
    host: '127.0.0.1',
    port,
    path,
    method,
    agent: false,
    headers: { ...(token !== undefined && { authorization: token }), ...headers },
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [
    Readable & { statusCode: number; headers: IncomingHttpHeaders },
  ];
  const body = await text(response);
  return {
    status: response.statusCode,
    headers: response.headers,
    body: body === '' ? {} : (JSON.parse(body) as Record<string, string>),
  };
}
