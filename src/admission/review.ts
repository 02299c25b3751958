import { Fault } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';
import type { Requester } from '../operator/requester.ts';

/** The request of an `admission.k8s.io/v1` AdmissionReview, as far as it is looked at. */
export interface Review {
  readonly uid: string;
  readonly operation: string;
  /** The resource the request was made to: group, version, resource and, if any, subresource. */
  readonly resource: { readonly group: string; readonly version: string; readonly resource: string };
  readonly subResource: string;
  readonly namespace: string;
  readonly name: string;
  readonly requester: Requester;
  readonly object: JsonObject | undefined;
  /** With UPDATE and DELETE: the object as it was. */
  readonly oldObject?: JsonObject | undefined;
  readonly dryRun: boolean;
}

/**
 * Reads an AdmissionReview. Unknown fields pass.
 *
 * Checked by hand because it stands on the path of every request: a schema library took as long here as the decision.
 *
 * @throws Fault `ReviewInvalid` naming the first field that is missing or has another type
 * (Kubernetes API reference, admission.k8s.io/v1)
 */
export function readReview(body: unknown): Review {
  if (!isObject(body)) throw invalid('the body is not a JSON object');
  if (body['apiVersion'] !== 'admission.k8s.io/v1' || body['kind'] !== 'AdmissionReview') {
    throw invalid('the body is not an AdmissionReview of admission.k8s.io/v1');
  }
  const request = body['request'];
  if (!isObject(request)) throw invalid('request is missing');
  const resource = object(request['resource'], 'request.resource');
  const operation = text(request['operation'], 'request.operation');
  return {
    uid: text(request['uid'], 'request.uid'),
    operation,
    resource: {
      group: optionalText(resource['group'], 'request.resource.group'),
      version: text(resource['version'], 'request.resource.version'),
      resource: text(resource['resource'], 'request.resource.resource'),
    },
    subResource: optionalText(request['subResource'], 'request.subResource'),
    namespace: optionalText(request['namespace'], 'request.namespace'),
    name: optionalText(request['name'], 'request.name'),
    requester: readRequester(object(request['userInfo'], 'request.userInfo')),
    object: optionalObject(request['object'], 'request.object', BRING_OBJECT.has(operation)),
    // Without it an update would be taken for a creation.
    oldObject: optionalObject(request['oldObject'], 'request.oldObject', operation === 'UPDATE'),
    dryRun: request['dryRun'] === true,
  };
}

function readRequester(user: JsonObject): Requester {
  // Without a prototype: a key such as `constructor` must not find what is not there.
  const extra = Object.create(null) as Record<string, readonly string[]>;
  if (!isAbsent(user['extra'])) {
    for (const [key, values] of Object.entries(object(user['extra'], 'request.userInfo.extra'))) {
      extra[key] = texts(values, `request.userInfo.extra.${key}`);
    }
  }
  return {
    username: optionalText(user['username'], 'request.userInfo.username'),
    uid: optionalText(user['uid'], 'request.userInfo.uid') || undefined,
    groups: isAbsent(user['groups']) ? [] : texts(user['groups'], 'request.userInfo.groups'),
    extra,
  };
}

/** What API servers always send the object of. */
const BRING_OBJECT: ReadonlySet<string> = new Set(['CREATE', 'UPDATE']);

function optionalObject(value: Json | undefined, path: string, needed: boolean): JsonObject | undefined {
  return isAbsent(value) && !needed ? undefined : object(value, path);
}

function object(value: Json | undefined, path: string): JsonObject {
  if (!isObject(value)) throw invalid(`${path} is not an object`);
  return value;
}

function text(value: Json | undefined, path: string): string {
  if (typeof value !== 'string' || value === '') throw invalid(`${path} is not a string with something in it`);
  return value;
}

function optionalText(value: Json | undefined, path: string): string {
  if (isAbsent(value)) return '';
  if (typeof value !== 'string') throw invalid(`${path} is not a string`);
  return value;
}

function texts(value: Json | undefined, path: string): readonly string[] {
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string')) {
    throw invalid(`${path} is not a list of strings`);
  }
  return value;
}

function isAbsent(value: Json | undefined): value is null | undefined {
  return value === undefined || value === null;
}

function invalid(problem: string): Fault {
  return new Fault('ReviewInvalid', problem);
}
