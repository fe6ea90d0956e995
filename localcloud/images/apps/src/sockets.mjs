// WebSockets: an echo, on which a test sees whether a release or a reload cuts connections.
import { log } from './log.mjs';

export async function serveWebSockets(server, service) {
  const { WebSocketServer } = await import('ws');
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 1 << 20 });
  server.http.on('upgrade', (request, socket, head) => {
    const { pathname } = new URL(request.url, 'http://service');
    if (pathname !== '/ws' && pathname !== '/socket.io/') {
      socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit('connection', opened));
  });
  sockets.on('connection', (opened) => {
    server.active += 1;
    opened.on('close', () => {
      server.active -= 1;
    });
    opened.on('error', (error) => log.warn(`websocket: ${error.message}`));
    const hello = { hello: service.name, version: service.version, slot: service.slot };
    opened.send(JSON.stringify(hello));
    opened.on('message', (data, binary) => opened.send(data, { binary }));
  });
  server.onDrain.push(() => {
    // 1012: the service restarts, so a client should connect again.
    for (const opened of sockets.clients) opened.close(1012, 'restarting');
  });
}
