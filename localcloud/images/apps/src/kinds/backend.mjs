// A backend: its API over database and Redis, folders, WebSockets.
import { access, constants, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openDatabase, openRedis, serveItems } from '../data.mjs';
import { page } from '../page.mjs';
import { serveWebSockets } from '../sockets.mjs';

export async function start(server, service) {
  server.allowedOrigins = (process.env.CORS_ORIGINS ?? '').split(',').filter(Boolean);
  if (service.database) serveItems(server, await openDatabase(server, service));
  if (service.redis) serveVisits(server, await openRedis(server));
  if (service.folders.length > 0) await serveFolders(server, service);
  if (service.websockets) await serveWebSockets(server, service);
  const base = service.health;
  server.serveHealth([base, `${base}/ready`]);
  server.get(`${base}/live`, () => ({ status: 'ok' }));
  server.get('/', () => page(service, service.name, '<p>An API: its clients are the apps.</p>'));
}

function serveVisits(server, redis) {
  server.post('/api/visits', async () => ({ json: { visits: await redis.incr('visits') } }));
}

async function serveFolders(server, service) {
  const folders = service.folders.map((name) => process.env[name]);
  for (const folder of folders) await mkdir(folder, { recursive: true });
  server.checks.folders = async () => {
    await Promise.all(folders.map((folder) => access(folder, constants.W_OK)));
  };
  const place = process.env.TRANSCRIPTS_DIR ?? folders[0];
  server.get('/api/transcripts', async () => ({ names: (await readdir(place)).sort() }));
  server.post('/api/transcripts', async ({ url, body }) => {
    const name = url.searchParams.get('name') ?? '';
    if (!/^[\w-]{1,64}$/.test(name)) return { code: 400, json: { error: 'name: letters, digits' } };
    await writeFile(path.join(place, `${name}.txt`), body);
    const kept = await readFile(path.join(place, `${name}.txt`));
    return { code: 201, json: { name, bytes: kept.length } };
  });
}
