import {
  ApiException,
  type Configuration,
  HttpMethod,
  PatchStrategy,
  type RequestContext,
} from '@kubernetes/client-node';
import { isObject, type JsonObject } from '../json.ts';
import type { WorkloadKind } from '../lineage/kinds.ts';

/** Objects that a list holds at most before it is continued. */
const PAGE = 500;

/** How an object's kind is found at the API server. */
export type Resource = Pick<WorkloadKind, 'group' | 'kind' | 'versions' | 'resource'>;

/**
 * Objects of any kind as they come over the wire: the library's own types drop fields that they do not know, and a
 * digest, or a look for credentials, must not overlook one. Made by `makeClient(config, ObjectApi)`.
 *
 * Every request rejects as the library's do; `apiFailure` reads that.
 */
export class ObjectApi {
  readonly #configuration: Configuration;

  constructor(configuration: Configuration) {
    this.#configuration = configuration;
  }

  /** The first version of a kind that is served, by discovery, which everybody may use; undefined when none is. */
  async servedVersion({ group, versions, resource }: Resource): Promise<string | undefined> {
    for (const version of versions) {
      const listed = await this.#unlessMissing(this.get(rootOf(group, version)));
      const resources = Array.isArray(listed?.['resources']) ? listed['resources'] : [];
      if (resources.some((each) => isObject(each) && each['name'] === resource)) return version;
    }
    return undefined;
  }

  get(path: string): Promise<JsonObject> {
    return this.#send(HttpMethod.GET, path);
  }

  /** As {@link get}; undefined where there is no such object. */
  find(path: string): Promise<JsonObject | undefined> {
    return this.#unlessMissing(this.get(path));
  }

  /** All objects of a kind in a namespace, each with its own apiVersion and kind. */
  async list({ group, kind, resource }: Resource, version: string, namespace: string): Promise<JsonObject[]> {
    const apiVersion = group === '' ? version : `${group}/${version}`;
    const items: JsonObject[] = [];
    let next = '';
    do {
      const query = `limit=${PAGE}${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`;
      const page = await this.get(`${collection(group, version, namespace, resource)}?${query}`);
      const found = Array.isArray(page['items']) ? page['items'].filter(isObject) : [];
      for (const each of found) items.push({ ...each, apiVersion, kind });
      const metadata = isObject(page['metadata']) ? page['metadata'] : {};
      next = typeof metadata['continue'] === 'string' ? metadata['continue'] : '';
    } while (next !== '');
    return items;
  }

  /** A merge patch (RFC 7396). */
  mergePatch(path: string, body: JsonObject): Promise<JsonObject> {
    return this.#send(HttpMethod.PATCH, path, (context) => {
      context.setHeaderParam('Content-Type', PatchStrategy.MergePatch);
      context.setBody(JSON.stringify(body));
    });
  }

  async #send(method: HttpMethod, path: string, prepare?: (context: RequestContext) => void): Promise<JsonObject> {
    const { baseServer, middleware, authMethods, httpApi } = this.#configuration;
    let context = baseServer.makeRequestContext(path, method);
    context.setHeaderParam('Accept', 'application/json');
    prepare?.(context);
    await authMethods.default?.applySecurityAuthentication(context);
    for (const each of middleware) context = await each.pre(context).toPromise();
    const response = await httpApi.send(context).toPromise();
    const text = await response.body.text();
    const { httpStatusCode: status } = response;
    if (status < 200 || status > 299) throw new ApiException(status, 'refused', text, response.headers);
    const body: unknown = JSON.parse(text);
    if (!isObject(body)) throw new Error(`${path} is no object`);
    return body;
  }

  async #unlessMissing<Value>(request: Promise<Value>): Promise<Value | undefined> {
    try {
      return await request;
    } catch (thrown) {
      if (thrown instanceof ApiException && thrown.code === 404) return undefined;
      throw thrown;
    }
  }
}

/** The path of an object. */
export function objectPath({ group, resource }: Resource, version: string, namespace: string, name: string): string {
  return `${collection(group, version, namespace, resource)}/${encodeURIComponent(name)}`;
}

function collection(group: string, version: string, namespace: string, resource: string): string {
  return `${rootOf(group, version)}/namespaces/${encodeURIComponent(namespace)}/${resource}`;
}

function rootOf(group: string, version: string): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
}
