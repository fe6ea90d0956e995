// A landing page: static, cached for long where the name says what is in the file.
import { createHash } from 'node:crypto';
import { page } from '../page.mjs';

export async function start(server, service) {
  const style = `h1::after { content: " ·"; color: teal }\n`;
  const name = `/_astro/style.${createHash('sha256').update(style).digest('hex').slice(0, 8)}.css`;
  const index = page(
    service,
    service.project,
    `<link rel="stylesheet" href="${name}"><p>Welcome to ${service.project}.</p>`,
  );
  const etag = `"${createHash('sha256').update(index.body).digest('hex').slice(0, 16)}"`;
  server.get('/', async ({ request }) => {
    if (service.fault === 'unhealthy') return { code: 503, body: 'fault\n' };
    const headers = { etag, 'cache-control': 'public, max-age=0, must-revalidate' };
    if (request.headers['if-none-match'] === etag) return { code: 304, body: '', headers };
    return { ...index, headers };
  });
  server.get(name, () => ({
    type: 'text/css; charset=utf-8',
    body: style,
    headers: { 'cache-control': 'public, max-age=31536000, immutable' },
  }));
  server.get('/robots.txt', () => ({ body: 'User-agent: *\nAllow: /\n' }));
}
