import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { perform, type Service, type Trace } from './actions.ts';
import type { Faults, StsFault } from './faults.ts';
import { arrive, type Arrived, header } from './http.ts';
import type { Log } from './log.ts';
import { readCall } from './query.ts';
import { type CloudTrailRecord, type Happening, recordOf } from './records.ts';
import { Refusal } from './refusal.ts';
import { type Buckets, performS3, s3Error, s3Operation } from './s3.ts';
import { stsAnswer, stsError } from './xml.ts';

/** Where requests arrive, go wrong as a test commands, and are answered and recorded. */
export interface Desk {
  readonly service: Service;
  readonly records: Log<CloudTrailRecord>;
  readonly arrivals: Log<Arrival>;
  readonly faults: Faults;
  readonly buckets: Buckets;
  /** Ends what hangs when the stand-in stops. */
  readonly stopping: AbortController;
}

/** A request that came in, answered or not. */
export interface Arrival {
  readonly action: string;
  /** Milliseconds since the epoch, by the stand-in's clock. */
  readonly at: number;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** The answer to a request; undefined closes the connection without one. */
export async function answerOf(desk: Desk, incoming: IncomingMessage, requestId: string): Promise<Answer | undefined> {
  const request = await arrive(incoming);
  // Whatever is a form is for STS: the three calls of S3 that are here send none.
  const form = (header(request, 'content-type') ?? '').startsWith('application/x-www-form-urlencoded');
  return form ? answerSts(desk, request, requestId) : answerS3(desk, request, requestId);
}

async function answerSts(desk: Desk, request: Arrived, requestId: string): Promise<Answer | undefined> {
  const trace: Trace = {};
  let action = '';
  try {
    const call = readCall(request);
    action = call.action;
    const fault = arriveAt(desk, action);
    if (fault?.kind === 'error') throw new Refusal(fault.status, fault.code, fault.message ?? fault.code);
    if (fault?.kind === 'drop' || (fault?.kind === 'hang' && (await forever(desk)))) return undefined;
    if (fault?.kind === 'late') await sleep(fault.milliseconds, undefined, { signal: desk.stopping.signal });
    const body = stsAnswer(action, await perform(desk.service, request, call, trace), requestId);
    record(desk, request, action, 'sts', trace, requestId);
    return { status: 200, headers: XML, body: fault?.kind === 'altered' ? fault.alter(body) : body };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    record(desk, request, action, 'sts', trace, requestId, error);
    return { status: error.status, headers: XML, body: stsError(error, requestId) };
  }
}

function answerS3(desk: Desk, request: Arrived, requestId: string): Answer {
  const trace: Trace = {};
  let name = '';
  try {
    const operation = s3Operation(request);
    ({ name } = operation);
    desk.arrivals.add({ action: name, at: desk.service.clock() });
    const answer = performS3(desk.service, request, operation, desk.buckets, trace);
    record(desk, request, name, 's3', trace, requestId);
    return answer;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    record(desk, request, name, 's3', trace, requestId, error);
    return s3Error(error, requestId);
  }
}

const XML = { 'content-type': 'text/xml' };

function arriveAt({ arrivals, faults, service }: Desk, action: string): StsFault | undefined {
  const fault = faults.take(action);
  arrivals.add({ action, at: service.clock() });
  return fault;
}

/** Until the stand-in stops. */
function forever({ stopping }: Desk): Promise<true> {
  return new Promise((resolve) => {
    if (stopping.signal.aborted) resolve(true);
    stopping.signal.addEventListener('abort', () => resolve(true));
  });
}

function record(
  { service, records }: Desk,
  request: Arrived,
  event: string,
  source: Happening['source'],
  { identity = { type: 'Unknown' }, asked, answered }: Trace,
  requestId: string,
  refusal?: Refusal,
): void {
  const outcome = refusal === undefined ? { answer: answered ?? null } : { refusal };
  const happening = { event, source, identity, asked: asked ?? null, outcome, requestId };
  records.add(recordOf(service.account, request, happening, service.clock()));
}
