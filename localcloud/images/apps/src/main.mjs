// One service of the platform: which one, /app/service.json says.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { log } from './log.mjs';
import { missingVariables } from './settings.mjs';
import { Server } from './server.mjs';

const KINDS = {
  nestjs: './kinds/backend.mjs',
  sveltekit: './kinds/web.mjs',
  astro: './kinds/landing.mjs',
  expo: './kinds/mobile.mjs',
};

const service = JSON.parse(await readFile('/app/service.json', 'utf8'));
service.slot = process.env.SLOT ?? null;
log.context = { service: service.name, version: service.version, slot: service.slot };

const missing = missingVariables(service, process.env);
if (missing.length > 0) {
  log.error(`missing variables: ${missing.join(', ')}; see the catalogue entry of ${service.name}`);
  process.exit(1);
}
if (service.fault === 'stuck') {
  log.warn('fault stuck: never begins to listen');
  setInterval(() => {}, 1 << 30);
  await new Promise(() => {});
}

const server = new Server(service);
const { start } = await import(KINDS[service.kind]);
await start(server, service);
await server.listen();
log.info(`listens on ${service.port}`);

let stopping = false;
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, async () => {
    if (stopping) return;
    stopping = true;
    log.info(`${signal}: finishing ${server.active} requests`);
    await server.drain();
    log.info('stopped');
    process.exit(0);
  });
}

if (service.fault === 'crash') {
  await sleep(1500);
  log.error('fault crash: exits');
  process.exit(1);
}
