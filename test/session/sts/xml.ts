import { API_VERSION } from './query.ts';
import type { Refusal } from './refusal.ts';

/** Elements in their order; those without a value are left out. */
export interface Elements {
  readonly [name: string]: string | number | undefined | Elements | readonly Elements[];
}

const STS_NAMESPACE = `https://sts.amazonaws.com/doc/${API_VERSION}/`;

export function stsAnswer(action: string, result: Elements, requestId: string): string {
  const inner = { [`${action}Result`]: result, ResponseMetadata: { RequestId: requestId } };
  return document(`${action}Response`, inner, STS_NAMESPACE);
}

export function stsError({ status, code, message }: Refusal, requestId: string): string {
  const type = status < 500 ? 'Sender' : 'Receiver';
  const error = { Error: { Type: type, Code: code, Message: message }, RequestId: requestId };
  return document('ErrorResponse', error, STS_NAMESPACE);
}

export function document(root: string, content: Elements, namespace?: string): string {
  const attribute = namespace === undefined ? '' : ` xmlns="${namespace}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${attribute}>${render(content)}</${root}>\n`;
}

function render(content: Elements): string {
  return Object.entries(content)
    .flatMap(([name, value]) => (isList(value) ? value.map((each) => [name, each] as const) : [[name, value] as const]))
    .map(([name, value]) => (value === undefined ? '' : `<${name}>${inside(value)}</${name}>`))
    .join('');
}

function isList(value: Elements[string]): value is readonly Elements[] {
  return Array.isArray(value);
}

function inside(value: string | number | Elements): string {
  return typeof value === 'object' ? render(value) : escape(String(value));
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
