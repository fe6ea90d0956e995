// The local cloud's stand-in for Grafana: reads the provisioning that production's Grafana reads,
// refuses what that would refuse, and shows each panel's queries with what they really return.
import http from 'node:http';
import { overview, dashboardPage } from './pages.mjs';
import { provision, ProvisioningError } from './provisioning.mjs';
import { ask } from './queries.mjs';

const VERSION = '12.3.0';
const root = process.env.GF_PATHS_PROVISIONING ?? '/etc/grafana/provisioning';
const port = Number(process.env.GF_SERVER_HTTP_PORT ?? 3000);

let state;
try {
  state = provision(root, process.env);
} catch (error) {
  if (!(error instanceof ProvisioningError)) throw error;
  for (const problem of error.problems) console.error(JSON.stringify({ level: 'error', problem }));
  process.exit(1);
}
const { datasources, dashboards } = state;
const summary = `${datasources.length} data sources, ${dashboards.length} dashboards`;
console.log(JSON.stringify({ level: 'info', message: `stand-in is ready: ${summary}` }));

const routes = [
  [/^\/api\/health$/, () => ({ database: 'ok', version: VERSION, commit: 'local-stand-in' })],
  [/^\/api\/datasources$/, () => datasources],
  [/^\/api\/datasources\/uid\/([\w-]+)$/, (uid) => datasources.find((one) => one.uid === uid)],
  [/^\/api\/datasources\/uid\/([\w-]+)\/health$/, health],
  [/^\/api\/search$/, () => dashboards.map(({ uid, title, tags, folder }) => ({
    uid, title, tags, folderTitle: folder, type: 'dash-db', url: `/d/${uid}`,
  }))],
  [/^\/api\/dashboards\/uid\/([\w-]+)$/, (uid) => {
    const found = dashboards.find((one) => one.uid === uid);
    return found && { dashboard: found.model, meta: { provisioned: true, folderTitle: found.folder } };
  }],
];

async function health(uid) {
  const source = datasources.find((one) => one.uid === uid);
  if (!source) return undefined;
  const path = { prometheus: '/-/ready', loki: '/ready', alertmanager: '/-/ready' }[source.type];
  const answer = await fetch(new URL(path, source.url), { signal: AbortSignal.timeout(5000) });
  return { status: answer.ok ? 'OK' : 'ERROR', message: `${source.url} answered ${answer.status}` };
}

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://grafana');
  try {
    const proxied = /^\/api\/datasources\/proxy\/uid\/([\w-]+)\/(.*)$/.exec(url.pathname);
    if (proxied) return await proxy(request, response, url, proxied);
    if (url.pathname === '/metrics') {
      return send(response, 200, `grafana_stat_totals_dashboard ${dashboards.length}\n`, 'text/plain');
    }
    if (url.pathname === '/') {
      return send(response, 200, overview(datasources, dashboards), 'text/html; charset=utf-8');
    }
    const shown = /^\/d\/([\w-]+)/.exec(url.pathname);
    const board = shown && dashboards.find((one) => one.uid === shown[1]);
    if (board) {
      const html = await dashboardPage(board, (target) => ask(target, datasources));
      return send(response, 200, html, 'text/html; charset=utf-8');
    }
    for (const [pattern, answer] of routes) {
      const match = pattern.exec(url.pathname);
      const content = match && (await answer(...match.slice(1)));
      if (content) return send(response, 200, JSON.stringify(content), 'application/json');
    }
    return send(response, 404, JSON.stringify({ message: 'Not found' }), 'application/json');
  } catch (error) {
    const message = error.cause?.message ?? error.message;
    return send(response, 502, JSON.stringify({ message }), 'application/json');
  }
});

async function proxy(request, response, url, [, uid, path]) {
  const source = datasources.find((one) => one.uid === uid);
  if (!source) return send(response, 404, '{"message":"Data source not found"}', 'application/json');
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const answer = await fetch(`${source.url.replace(/\/$/, '')}/${path}${url.search}`, {
    method: request.method,
    body: chunks.length > 0 ? Buffer.concat(chunks) : undefined,
    headers: { 'content-type': request.headers['content-type'] ?? 'application/json' },
    signal: AbortSignal.timeout(30_000),
  });
  const type = answer.headers.get('content-type') ?? 'application/json';
  return send(response, answer.status, await answer.text(), type);
}

function send(response, code, body, type) {
  response.writeHead(code, { 'content-type': type });
  response.end(body);
}

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => server.close(() => process.exit(0)) && server.closeIdleConnections());
}
server.listen(port, '0.0.0.0');
