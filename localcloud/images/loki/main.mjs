#!/usr/local/bin/node
// Speaks Loki's HTTP API in front of VictoriaLogs, which stores and searches. What it takes:
// pushes (JSON and protobuf), range queries of a stream selector with line filters, labels.
import { spawn } from 'node:child_process';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { configuration, ConfigurationError } from './configuration.mjs';
import { toLogsQL, QueryError } from './query.mjs';

const INTERNAL = 9428;
const BASE = `http://127.0.0.1:${INTERNAL}`;

let settings;
try {
  settings = configuration(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ConfigurationError)) throw error;
  console.error(`error: ${error.message}`);
  process.exit(1);
}
if (settings.verifyOnly) {
  console.error('config is valid');
  process.exit(0);
}

const store = spawn(
  '/usr/bin/victoria-logs',
  [
    `-storageDataPath=${settings.folder}/victoria-logs`,
    `-retentionPeriod=${settings.retention}`,
    `-httpListenAddr=127.0.0.1:${INTERNAL}`,
    '-memory.allowedPercent=50',
    '-loggerLevel=WARN',
  ],
  { stdio: ['ignore', 'inherit', 'inherit'] },
);
store.on('exit', (code) => process.exit(code ?? 1));

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://loki');
  try {
    await route(request, response, url);
  } catch (error) {
    const code = error instanceof QueryError ? 400 : 502;
    response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(`${error.message}\n`);
  }
});

async function route(request, response, url) {
  const path = url.pathname;
  if (path === '/ready') return ready(response);
  if (path === '/metrics') return forward(request, response, '/metrics');
  if (path === '/loki/api/v1/push' || path === '/otlp/v1/logs') {
    const target = path.startsWith('/otlp')
      ? '/insert/opentelemetry/v1/logs'
      : '/insert/loki/api/v1/push';
    return forward(request, response, target);
  }
  if (path === '/loki/api/v1/query_range' || path === '/loki/api/v1/query') {
    return json(response, await queryRange(await parameters(request, url)));
  }
  if (path === '/loki/api/v1/labels' || path === '/loki/api/v1/label') {
    return json(response, await names('stream_field_names', await parameters(request, url)));
  }
  const label = /^\/loki\/api\/v1\/label\/([^/]+)\/values$/.exec(path);
  if (label) {
    const given = await parameters(request, url);
    const field = decodeURIComponent(label[1]);
    return json(response, await names('stream_field_values', given, field));
  }
  if (path === '/loki/api/v1/status/buildinfo') {
    return json(response, { version: '3.5.8', branch: 'local', revision: 'victoria-logs' }, true);
  }
  response.writeHead(404, { 'content-type': 'text/plain' });
  response.end('404 page not found\n');
}

async function ready(response) {
  const answer = await fetch(`${BASE}/health`).catch(() => null);
  response.writeHead(answer?.ok ? 200 : 503, { 'content-type': 'text/plain' });
  response.end(answer?.ok ? 'ready\n' : 'the store does not answer\n');
}

// Passes a request on with its body.
async function forward(request, response, target) {
  // Loki keeps a line as it came; the store would take one of JSON apart.
  const search = target.startsWith('/insert/loki') ? '?disable_message_parsing=1' : '';
  const headers = {};
  for (const name of ['content-type', 'content-encoding']) {
    if (request.headers[name]) headers[name] = request.headers[name];
  }
  const body = request.method === 'GET' ? undefined : await all(request);
  const answer = await fetch(`${BASE}${target}${search}`, { method: request.method, headers, body });
  const text = await answer.text();
  // Prometheus refuses figures without their type, which the store does not give.
  const type = answer.headers.get('content-type') ?? 'text/plain; version=0.0.4; charset=utf-8';
  // Loki says 204 to a push that it took.
  response.writeHead(answer.ok && request.method === 'POST' ? 204 : answer.status, {
    'content-type': type,
  });
  response.end(answer.ok && request.method === 'POST' ? undefined : text);
}

async function queryRange(given) {
  const now = Date.now();
  const query = toLogsQL(given.get('query') ?? '');
  const limit = Math.min(Number(given.get('limit') ?? 100) || 100, 5000);
  const forwards = given.get('direction') === 'forward';
  const form = new URLSearchParams({
    query: `${query} | sort by (_time${forwards ? '' : ' desc'}) limit ${limit}`,
    start: nanoseconds(given.get('start'), now - 3_600_000),
    end: nanoseconds(given.get('end'), now),
  });
  const answer = await fetch(`${BASE}/select/logsql/query`, { method: 'POST', body: form });
  if (!answer.ok) throw new QueryError(await answer.text());
  const streams = new Map();
  for (const line of (await answer.text()).split('\n').filter(Boolean)) {
    const entry = JSON.parse(line);
    const name = entry._stream ?? '{}';
    if (!streams.has(name)) streams.set(name, { stream: labelsOf(name), values: [] });
    streams.get(name).values.push([timestamp(entry._time), entry._msg ?? '']);
  }
  return { resultType: 'streams', result: [...streams.values()], stats: {} };
}

async function names(endpoint, given, field) {
  const now = Date.now();
  const form = new URLSearchParams({
    query: given.get('query') ? toLogsQL(given.get('query')) : '*',
    start: nanoseconds(given.get('start'), now - 21_600_000),
    end: nanoseconds(given.get('end'), now),
  });
  if (field) form.set('field', field);
  const answer = await fetch(`${BASE}/select/logsql/${endpoint}`, { method: 'POST', body: form });
  if (!answer.ok) throw new QueryError(await answer.text());
  const { values } = await answer.json();
  return values.map(({ value }) => value).sort();
}

// `{a="b",c="d"}` as an object.
function labelsOf(text) {
  const labels = {};
  for (const [, name, value] of text.matchAll(/([\w.]+)=("(?:[^"\\]|\\.)*")/g)) {
    labels[name] = JSON.parse(value);
  }
  return labels;
}

// Loki takes seconds, nanoseconds and RFC 3339; the store is given nanoseconds.
function nanoseconds(text, fallback) {
  if (!text) return `${fallback}000000`;
  if (/^\d{1,10}(\.\d+)?$/.test(text)) return `${Math.round(Number(text) * 1000)}000000`;
  if (/^\d+$/.test(text)) return text;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new QueryError(`cannot parse ${JSON.stringify(text)} to a time`);
  return `${time}000000`;
}

function timestamp(time) {
  const [, seconds, fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(time);
  return `${Date.parse(`${seconds}Z`) / 1000}${fraction.padEnd(9, '0').slice(0, 9)}`;
}

async function parameters(request, url) {
  if (request.method !== 'POST') return url.searchParams;
  return new URLSearchParams((await all(request)).toString());
}

async function all(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function json(response, data, bare = false) {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(bare ? data : { status: 'success', data }));
}

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, async () => {
    server.close();
    store.kill('SIGTERM');
    await sleep(20_000);
    process.exit(1);
  });
}
server.listen(settings.port, '0.0.0.0');
