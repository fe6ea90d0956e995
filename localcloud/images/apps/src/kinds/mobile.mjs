// Over-the-air updates of a mobile app: a server of Expo's updates protocol, version 1.
// The image holds the exported update in /app/update, so a release is a container like any other.
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const ROOT = '/app/update';
const TYPES = { js: 'application/javascript', svg: 'image/svg+xml', png: 'image/png' };

export async function start(server, service) {
  const settings = {
    url: process.env.UPDATES_URL.replace(/\/$/, ''),
    channel: process.env.UPDATES_CHANNEL,
    runtime: process.env.RUNTIME_VERSION,
  };
  const update = await load(service, settings);
  server.checks.update = async () => {
    if (Object.keys(update.manifests).length === 0) throw new Error('no update in the image');
  };
  server.serveHealth();
  for (const route of ['/', '/api/manifest']) {
    server.get(route, ({ request }) => manifest(request, update, settings));
  }
  for (const asset of update.assets.values()) {
    server.get(`/assets/${asset.name}`, () => ({
      type: asset.contentType,
      body: asset.content,
      headers: { 'cache-control': 'public, max-age=31536000, immutable' },
    }));
  }
}

async function load(service, settings) {
  const metadata = JSON.parse(await readFile(path.join(ROOT, 'metadata.json'), 'utf8'));
  const assets = new Map();
  const add = async (file, extension) => {
    const content = await readFile(path.join(ROOT, file));
    const hash = createHash('sha256').update(content).digest();
    const key = createHash('md5').update(content).digest('hex');
    const name = `${hash.toString('hex')}.${extension}`;
    const contentType = TYPES[extension] ?? 'application/octet-stream';
    assets.set(name, { name, content, contentType });
    return {
      hash: hash.toString('base64url'),
      key,
      contentType,
      fileExtension: `.${extension}`,
      url: `${settings.url}/assets/${name}`,
    };
  };
  const manifests = {};
  for (const [platform, files] of Object.entries(metadata.fileMetadata)) {
    const launchAsset = await add(files.bundle, 'js');
    const others = await Promise.all(files.assets.map((asset) => add(asset.path, asset.ext)));
    manifests[platform] = {
      // The same update has the same id on every start and in both slots.
      id: uuidOf(service.name, service.version, platform, launchAsset.hash),
      createdAt: '2025-01-01T00:00:00.000Z',
      runtimeVersion: settings.runtime,
      launchAsset,
      assets: others,
      metadata: { channel: settings.channel, version: service.version },
      extra: { expoClient: { name: service.name, slug: service.project } },
    };
  }
  return { manifests, assets };
}

function manifest(request, update, settings) {
  const header = (name) => request.headers[`expo-${name}`];
  const protocol = header('protocol-version') ?? '0';
  const platform = header('platform');
  if (!(platform in update.manifests)) {
    return { code: 400, json: { error: 'expo-platform: expected ios or android' } };
  }
  if (!header('runtime-version')) {
    return { code: 400, json: { error: 'expo-runtime-version is missing' } };
  }
  const asked = header('channel-name') ?? settings.channel;
  if (asked !== settings.channel) {
    return { code: 404, json: { error: `no channel ${asked}; served here: ${settings.channel}` } };
  }
  const current = update.manifests[platform];
  const fits = header('runtime-version') === settings.runtime;
  const known = header('current-update-id') === current.id;
  if (fits && !(known && protocol === '1')) {
    return answer(request, protocol, 'manifest', current);
  }
  if (protocol !== '1') return { code: 404, json: { error: 'no update for this runtime version' } };
  return answer(request, protocol, 'directive', { type: 'noUpdateAvailable' });
}

function answer(request, protocol, part, content) {
  const headers = {
    'expo-protocol-version': protocol,
    'expo-sfv-version': '0',
    'cache-control': 'private, max-age=0',
  };
  const accepted = request.headers.accept ?? '*/*';
  const json = JSON.stringify(content);
  if (part === 'manifest' && /application\/(expo\+)?json/.test(accepted)) {
    if (!accepted.includes('multipart/mixed')) {
      const type = accepted.includes('expo+json') ? 'application/expo+json' : 'application/json';
      return { body: json, type: `${type}; charset=utf-8`, headers };
    }
  }
  const boundary = `update-${randomUUID()}`;
  const parts = [[part, json]];
  if (part === 'manifest') parts.push(['extensions', JSON.stringify({ assetRequestHeaders: {} })]);
  const body = parts
    .map(
      ([name, text]) =>
        `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n` +
        `content-type: application/json; charset=utf-8\r\n\r\n${text}\r\n`,
    )
    .join('');
  return {
    body: `${body}--${boundary}--\r\n`,
    type: `multipart/mixed; boundary=${boundary}`,
    headers,
  };
}

function uuidOf(...parts) {
  const hex = createHash('sha256').update(parts.join('\n')).digest('hex');
  const variant = ((parseInt(hex[16], 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
