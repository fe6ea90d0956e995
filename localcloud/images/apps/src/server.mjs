// The HTTP server that all kinds share: routes, request ids, metrics, health, draining.
import http from 'node:http';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import client from 'prom-client';
import { log } from './log.mjs';

const MAX_BODY = 1 << 20;

export class Server {
  constructor(service) {
    this.service = service;
    this.active = 0;
    this.draining = false;
    this.checks = {}; // name -> async function that throws when what it checks is gone
    this.onDrain = []; // called when it stops taking requests
    this.onStop = []; // called when the last request is answered
    this.allowedOrigins = [];
    this.routes = new Map();
    this.fallback = null;
    this.count = 0;
    this.leaked = [];
    client.collectDefaultMetrics();
    client.register.setDefaultLabels({ service: service.name });
    this.requests = new client.Counter({
      name: 'http_requests_total',
      help: 'Requests answered.',
      labelNames: ['method', 'code'],
    });
    this.duration = new client.Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time to answer.',
      labelNames: ['method', 'code'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    });
    this.connections = new client.Gauge({
      name: 'http_active_connections',
      help: 'Requests and WebSockets that are open.',
      collect: () => this.connections.set(this.active),
    });
    this.http = http.createServer((request, response) => this.#handle(request, response));
    // Longer than the edge keeps idle connections, so that it never reuses one we just closed.
    this.http.keepAliveTimeout = 75_000;
    this.get('/version', () => ({
      service: service.name,
      version: service.version,
      slot: service.slot,
    }));
    this.get('/metrics', async () => ({
      type: client.register.contentType,
      body: await client.register.metrics(),
    }));
  }

  get(path, handler) {
    this.routes.set(`GET ${path}`, handler);
  }

  post(path, handler) {
    this.routes.set(`POST ${path}`, handler);
  }

  // The health path of the service answers 200 only when all checks pass.
  serveHealth(paths = [this.service.health]) {
    for (const path of paths) this.get(path, () => this.health());
  }

  async health() {
    const failed = {};
    const names = Object.keys(this.checks);
    if (this.service.fault === 'unhealthy') failed.fault = 'built into this version';
    await Promise.all(
      names.map(async (name) => {
        try {
          await deadline(this.checks[name](), 3000);
        } catch (error) {
          failed[name] = error.message;
        }
      }),
    );
    const ok = Object.keys(failed).length === 0;
    return {
      code: ok ? 200 : 503,
      json: {
        status: ok ? 'ok' : 'error',
        checks: Object.fromEntries(names.map((name) => [name, failed[name] ?? 'ok'])),
        version: this.service.version,
        ...(failed.fault ? { fault: failed.fault } : {}),
      },
    };
  }

  listen() {
    return new Promise((resolve, reject) => {
      this.http.once('error', reject);
      this.http.listen(this.service.port, '0.0.0.0', resolve);
    });
  }

  // Answers what has begun, closes idle connections, then lets go of database and sockets.
  async drain() {
    this.draining = true;
    const closed = new Promise((resolve) => this.http.close(resolve));
    for (const begin of this.onDrain) begin();
    this.http.closeIdleConnections();
    await Promise.race([closed, sleep(25_000)]);
    for (const stop of this.onStop) stop();
  }

  async #handle(request, response) {
    const begun = process.hrtime.bigint();
    const url = new URL(request.url, 'http://service');
    const id = /^[\w.-]{8,64}$/.test(request.headers['x-request-id'] ?? '')
      ? request.headers['x-request-id']
      : randomUUID();
    this.active += 1;
    response.setHeader('x-request-id', id);
    response.setHeader('x-version', this.service.version);
    if (this.service.slot) response.setHeader('x-slot', this.service.slot);
    if (this.draining) response.setHeader('connection', 'close');
    let finished = false;
    const finish = () => {
      if (finished) return;
      finished = true;
      this.active -= 1;
      const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
      const labels = { method: request.method, code: response.statusCode };
      this.requests.inc(labels);
      this.duration.observe(labels, seconds);
      // Probes and scrapes come every few seconds: they would be most of the log.
      const quiet = url.pathname === this.service.health || url.pathname === '/metrics';
      if (!quiet || response.statusCode >= 400) {
        log.info('request', {
          request_id: id,
          method: request.method,
          path: url.pathname,
          code: response.statusCode,
          seconds: Math.round(seconds * 1e6) / 1e6,
        });
      }
    };
    response.on('close', finish);
    try {
      await this.#answer(request, response, url, id);
    } catch (error) {
      log.error(error.message, { request_id: id, stack: error.stack });
      if (!response.headersSent) send(response, { code: 500, json: { error: 'internal', id } });
      else response.destroy();
    }
  }

  async #answer(request, response, url, id) {
    if (this.#cors(request, response)) return;
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const probe = url.pathname === this.service.health && request.method === 'GET';
    if (this.service.fault === 'slow' && !probe) await sleep(2000);
    // Written to, so that it is real memory; outside of V8's heap, so that the limit ends it.
    if (this.service.fault === 'leak' && !probe) this.leaked.push(Buffer.alloc(1 << 19, 1));
    if (this.service.fault === 'errors10' && !probe && url.pathname !== '/metrics') {
      this.count += 1;
      if (this.count % 10 === 0) {
        send(response, { code: 500, json: { error: 'fault errors10', id } });
        return;
      }
    }
    const handler = this.routes.get(`${method} ${url.pathname}`) ?? this.fallback;
    const body = method === 'POST' ? await readBody(request) : null;
    const context = { request, response, url, id, body };
    const answer = handler ? await handler(context) : null;
    send(response, answer ?? { code: 404, json: { error: 'not found', path: url.pathname, id } });
  }

  #cors(request, response) {
    const origin = request.headers.origin;
    if (origin && this.allowedOrigins.includes(origin)) {
      response.setHeader('access-control-allow-origin', origin);
      response.setHeader('access-control-allow-credentials', 'true');
      response.setHeader('vary', 'origin');
    }
    if (request.method !== 'OPTIONS') return false;
    response.setHeader('access-control-allow-methods', 'GET, POST, OPTIONS');
    response.setHeader('access-control-allow-headers', 'authorization, content-type');
    send(response, { code: 204, body: '' });
    return true;
  }
}

function send(response, answer) {
  if (response.headersSent) return;
  const plain = !('json' in answer || 'body' in answer);
  const json = plain ? answer : answer.json;
  const body = json === undefined ? answer.body : JSON.stringify(json);
  const type = answer.type ?? (json === undefined ? 'text/plain; charset=utf-8' : 'application/json');
  response.writeHead(answer.code && !plain ? answer.code : 200, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    ...answer.headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY) throw new Error('the body is larger than 1 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function deadline(promise, milliseconds) {
  return Promise.race([
    promise,
    sleep(milliseconds, undefined, { ref: false }).then(() => {
      throw new Error(`no answer within ${milliseconds / 1000} s`);
    }),
  ]);
}
