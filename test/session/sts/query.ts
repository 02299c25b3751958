import { type Arrived, header } from './http.ts';
import { Refusal } from './refusal.ts';

/** A call in AWS's Query protocol: a form with `Action`, `Version` and the parameters. */
export interface Call {
  readonly action: string;
  readonly parameters: Parameters;
}

export const API_VERSION = '2011-06-15';

export function readCall(request: Arrived): Call {
  const type = header(request, 'content-type') ?? '';
  if (request.method !== 'POST' || !/^application\/x-www-form-urlencoded(;|$)/.test(type)) {
    throw new Refusal(400, 'MalformedInput', 'not a POST with a form');
  }
  const form = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(request.body.toString())) {
    if (form.has(name)) throw new Refusal(400, 'MalformedQueryString', `${name} is there twice`);
    form.set(name, value);
  }
  const action = form.get('Action');
  if (action === undefined) throw new Refusal(400, 'MissingAction', 'there is no Action');
  if (form.get('Version') !== API_VERSION) {
    throw new Refusal(400, 'InvalidAction', `Could not find operation ${action} for version ${form.get('Version')}`);
  }
  form.delete('Action');
  form.delete('Version');
  return { action, parameters: new Parameters(form) };
}

/** The parameters of a call. Each is taken once; what is left at the end was not known. */
export class Parameters {
  readonly #form: Map<string, string>;

  constructor(form: Map<string, string>) {
    this.#form = form;
  }

  take(name: string): string | undefined {
    const value = this.#form.get(name);
    this.#form.delete(name);
    return value;
  }

  need(name: string): string {
    const value = this.take(name);
    if (value === undefined)
      throw invalid(`Value null at '${name}' failed to satisfy constraint: Member must not be null`);
    return value;
  }

  /** A list of strings, `NAME.member.N`. */
  takeList(name: string): string[] {
    this.#takeEmpty(name);
    const list: string[] = [];
    for (let number = 1; ; number += 1) {
      const value = this.take(`${name}.member.${number}`);
      if (value === undefined) return list;
      list.push(value);
    }
  }

  /** A list of tags, `NAME.member.N.Key` and `.Value`. */
  takeTags(name: string): { key: string; value: string }[] {
    this.#takeEmpty(name);
    const list: { key: string; value: string }[] = [];
    for (let number = 1; ; number += 1) {
      const key = this.take(`${name}.member.${number}.Key`);
      if (key === undefined) return list;
      list.push({ key, value: this.need(`${name}.member.${number}.Value`) });
    }
  }

  /** The protocol writes a list without members as `NAME=`. */
  #takeEmpty(name: string): void {
    if (this.#form.get(name) === '') this.#form.delete(name);
  }

  /** STS passes over what it does not know; here a misspelt parameter is found. */
  done(): void {
    const [unknown] = this.#form.keys();
    if (unknown !== undefined)
      throw invalid(`Value at '${unknown}' failed to satisfy constraint: Member must be known`);
  }
}

export function invalid(flaw: string): Refusal {
  return new Refusal(400, 'ValidationError', `1 validation error detected: ${flaw}`);
}
