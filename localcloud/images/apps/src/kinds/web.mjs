// A web app: a page whose settings come from the environment when it is served, never from the
// build, and calls to its backend from the server's side.
import { openDatabase, openRedis, serveItems } from '../data.mjs';
import { escape, page } from '../page.mjs';
import { deadline } from '../server.mjs';
import { publicSettings } from '../settings.mjs';

export async function start(server, service) {
  if (service.database) serveItems(server, await openDatabase(server, service));
  if (service.redis) await openRedis(server);
  server.serveHealth();
  const settings = publicSettings(service, process.env);
  server.get('/', () => page(service, service.project, content(settings)));
  server.get('/api/ping', () => ping(service));
  server.get('/api/config', () => settings);
}

function content(settings) {
  const rows = Object.entries(settings)
    .map(([name, value]) => `<tr><td>${escape(name)}</td><td>${escape(value)}</td></tr>`)
    .join('\n');
  const json = JSON.stringify(settings).replaceAll('<', '\\u003c');
  return `<table>${rows}</table>
<script type="application/json" id="settings">${json}</script>`;
}

// Every service it was given an internal URL of, asked for its version.
async function ping(service) {
  const targets = Object.entries(process.env).filter(
    ([name, value]) =>
      service.required.includes(name) &&
      name.endsWith('_URL') &&
      name.startsWith('PUBLIC_') &&
      value.startsWith('http://'),
  );
  const answers = await Promise.all(
    targets.map(async ([name, base]) => {
      const begun = performance.now();
      try {
        const answer = await deadline(fetch(new URL('/version', base)), 5000);
        const { service: called, version, slot } = await answer.json();
        const milliseconds = Math.round(performance.now() - begun);
        return [name, { code: answer.status, service: called, version, slot, milliseconds }];
      } catch (error) {
        return [name, { error: error.cause?.message ?? error.message }];
      }
    }),
  );
  const ok = answers.every(([, answer]) => answer.code === 200);
  return { code: ok ? 200 : 502, json: Object.fromEntries(answers) };
}
