import { createServer, type Server } from 'node:https';
import { fastify, type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { Fault } from '../errors.ts';
import type { Json } from '../json.ts';
import type { Owners } from '../lineage/owners.ts';
import { WEBHOOK_PATH } from '../names.ts';
import type { StampKeys } from '../stamp/keys.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ServingCertificate } from '../tls/files.ts';
import { budgetOf } from './budget.ts';
import { decide, isOfInterest } from './decide.ts';
import type { Governance, GovernanceSource, Mode } from './governance.ts';
import { guard } from './guard.ts';
import { explain, HTTP_OPTIONS, MAX_CONNECTIONS, TLS_OPTIONS } from './http.ts';
import { BODY_LIMIT, DEFAULT_LIMITS, isOverfull, Load, type LoadLimits } from './load.ts';
import { reviewNamespace } from './namespace-review.ts';
import type { Outcome } from './outcome.ts';
import type { PathSecrets } from './path-secret.ts';
import { reviewPolicy } from './policy-review.ts';
import { type Decided, record } from './record.ts';
import { respond } from './respond.ts';
import { breakGlass } from './break-glass.ts';
import { readReview, type Review } from './review.ts';
import type { Circumstances, SessionSurroundings } from './scene.ts';
import { applyMode, type Verdict } from './verdict.ts';

export interface WebhookParts {
  readonly governance: GovernanceSource;
  readonly settings: SessionSurroundings;
  /** Undefined without a cluster: then nothing is stamped, and controllers are not followed. */
  readonly lineage?: Lineage | undefined;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly limits?: LoadLimits;
}

/** What the webhook needs in order to follow controllers. */
export interface Lineage {
  readonly owners: Owners;
  /** Id of the cluster; nothing is reviewed before it is known. */
  readonly cluster: () => string;
}

/** The webhook, and what may change while it runs. */
export interface Webhook {
  readonly app: FastifyInstance<Server>;
  setCertificate(certificate: ServingCertificate): void;
  setPathSecrets(secrets: PathSecrets): void;
  setStampKeys(keys: StampKeys): void;
  /** From now on every answer asks its connection to be closed, so that API servers move to another replica. */
  drain(): void;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** When its header had been read, in milliseconds of `performance.now()`. */
    receivedAt: number;
  }
}

/**
 * Makes the HTTPS server. It listens once `app.listen` is called, and completes no handshake before it has a
 * certificate.
 */
export function createWebhook(parts: WebhookParts): Webhook {
  const { metrics, log } = parts;
  const load = new Load(parts.limits ?? DEFAULT_LIMITS);
  let secrets: PathSecrets | undefined;
  let keys: StampKeys | undefined;
  let draining = false;

  const app = fastify({
    // The URL holds the path secret, and a request log holds the URL.
    logger: false,
    serverFactory: (handler) => createServer({ ...TLS_OPTIONS, ...HTTP_OPTIONS }, handler),
    bodyLimit: BODY_LIMIT,
    // API servers go on using connections to a replica that is ending; they get answers, never a 503.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 256 },
    // What the router itself turns down: a path that it cannot decode, or with too long a secret.
    frameworkErrors: (_error, _request, reply) => void refusePath(reply),
  }) as unknown as FastifyInstance<Server>;

  app.decorateRequest('receivedAt', 0);
  app.server.maxConnections = MAX_CONNECTIONS;
  // Node's own answer to a header `Expect` it does not know is 417 and the patience to read the body, before any path
  // has been looked at. To ignore it is as good (RFC 9110, section 10.1.1).
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  app.removeAllContentTypeParsers();
  // Whatever the content type says: a body is JSON or it is refused. The usual type is named because fastify remembers
  // what it found for a type that is. Keys such as `__proto__` pass: some fields of pods have keys of the author's
  // choice, and a webhook whose failures are ignored could be got round by a body that it refuses to read.
  app.addContentTypeParser<string>(['application/json', '*'], { parseAs: 'string' }, (_request, body, done) => {
    if (isOverfull(body)) return done(new Fault('ReviewInvalid', 'the body holds more objects than any review can'));
    try {
      done(null, JSON.parse(body));
    } catch (thrown) {
      done(new Fault('ReviewInvalid', 'the body is not JSON', { cause: thrown }));
    }
  });

  // Hooks call back rather than promise: each promise would cost every review a turn of the event loop.
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (draining) reply.header('connection', 'close');
    done(null, payload);
  });

  // In a hook and not in the handler for what is not found, which is called once the body has been read and parsed.
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404) refusePath(reply);
    else done();
  });

  app.setErrorHandler((error: FastifyError | Fault, _request, reply) => {
    const { status, code, message } = explain(error);
    metrics.rejected.inc({ reason: status < 500 ? 'invalid' : 'fault' });
    // Also what is the caller's fault: in `warn` and `audit` the pod starts all the same, and here it leaves a trace.
    log[status < 500 ? 'warn' : 'error']({ code, error }, 'a request could not be reviewed');
    // Fastify closes after a body that it gave up on. A client that is still sending then sees a reset connection
    // instead of the answer; what is left is read and dropped, for as long as a request may take.
    reply.header('connection', reply.raw.shouldKeepAlive ? 'keep-alive' : 'close');
    return reply.code(status).send({ code, message });
  });

  /**
   * Answers without reading the rest of the request, and closes: a stranger's body is not worth receiving. The same
   * answer whatever is wrong with the path, so that it tells nothing about the right one.
   */
  function refusePath(reply: FastifyReply): FastifyReply {
    metrics.rejected.inc({ reason: 'path' });
    return reply.code(404).header('connection', 'close').send({ code: 'NotFound', message: 'nothing is here' });
  }

  /** Runs before the body is read: a stranger must not make the webhook parse anything. */
  function authorize(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    const { secret } = request.params as { secret: string };
    if (secrets === undefined || !secrets.has(secret)) {
      refusePath(reply);
      return;
    }
    const length = request.headers['content-length'];
    const leave = load.enter(length === undefined ? undefined : Number(length));
    if (leave === undefined) {
      metrics.rejected.inc({ reason: 'overload' });
      // The connection stays: a new handshake would cost more than to read past the body.
      reply.code(503).header('retry-after', '1');
      reply.send({ code: 'Overloaded', message: 'too many reviews at once; try again' });
      return;
    }
    request.receivedAt = performance.now();
    metrics.inFlight.set(load.reviews);
    // When the answer has been sent, or the caller has gone.
    reply.raw.once('close', () => {
      leave();
      metrics.inFlight.set(load.reviews);
    });
    done();
  }

  type Decide = (review: Review, governance: Governance, circumstances: Circumstances) => Outcome | Promise<Outcome>;

  /**
   * @param decideOn what decides
   * @param unknownMode how strict to be when it cannot be found out what governs the namespace
   * @param concerns whether a review is one that `decideOn` has something to say about
   */
  async function judge(
    request: FastifyRequest,
    decideOn: Decide,
    unknownMode: Mode,
    concerns: (review: Review) => boolean = () => true,
  ): Promise<Json> {
    const now = Date.now();
    const deadline = now + budgetOf((request.query as Record<string, unknown>)['timeout']);
    const review = readReview(request.body);
    // Synchronous where the cache knows, which spares every usual review a turn of the event loop.
    const answer: Governance | Promise<Governance> = concerns(review)
      ? parts.governance.governanceOf(review.namespace, deadline, unknownMode === 'enforce')
      : { kind: 'ungoverned' };
    const governance = answer instanceof Promise ? await answer : answer;
    const { lineage, settings } = parts;
    const stamping = lineage && { keys, cluster: lineage.cluster(), owners: lineage.owners, deadline, now };
    const decided = decideOn(review, governance, { ...settings, stamping });
    const outcome = decided instanceof Promise ? await decided : decided;
    const mode = 'mode' in governance ? governance.mode : unknownMode;
    const verdict = applyMode(outcome, mode, 'notice' in governance ? governance.notice : undefined);
    report(request, { review, verdict, outcome: outcome.kind, mode });
    return respond(review.uid, verdict);
  }

  const guarded = { onRequest: authorize };
  const serve = (path: string, handler: (request: FastifyRequest) => Promise<Json>): void => {
    app.post(`${path}/:secret`, guarded, handler);
  };
  serve(WEBHOOK_PATH.mutate, (request) => judge(request, decide, 'enforce', isOfInterest));
  serve(WEBHOOK_PATH.mutateUnenforced, (request) => judge(request, decide, 'warn', isOfInterest));
  serve(WEBHOOK_PATH.guard, (request) => judge(request, guard, 'enforce'));
  serve(WEBHOOK_PATH.guardUnenforced, (request) => judge(request, guard, 'warn'));
  serve(WEBHOOK_PATH.breakGlass, (request) => judge(request, breakGlass, 'audit'));
  serve(WEBHOOK_PATH.govern, (request) => answer(request, (review) => reviewNamespace(review, Date.now())));
  serve(WEBHOOK_PATH.validatePolicy, (request) => answer(request, reviewPolicy));

  /** Answers what is not a matter of a namespace's policy. */
  async function answer(request: FastifyRequest, review: (review: Review) => Verdict): Promise<Json> {
    const asked = readReview(request.body);
    const verdict = review(asked);
    report(request, { review: asked, verdict, outcome: verdict.allowed ? 'untouched' : 'refused', mode: 'enforce' });
    return respond(asked.uid, verdict);
  }

  function report(request: FastifyRequest, decided: Omit<Decided, 'milliseconds' | 'bytes'>): void {
    const bytes = Number(request.headers['content-length'] ?? 0);
    record({ ...decided, bytes, milliseconds: performance.now() - request.receivedAt }, metrics, log);
  }

  return {
    app,
    setCertificate(certificate) {
      app.server.setSecureContext({ ...TLS_OPTIONS, cert: certificate.cert, key: certificate.key });
      metrics.certificateExpiry.set(certificate.notAfter.getTime() / 1000);
    },
    setPathSecrets(next) {
      secrets = next;
    },
    setStampKeys(next) {
      keys = next;
    },
    drain() {
      draining = true;
    },
  };
}
