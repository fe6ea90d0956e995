// The service's database and Redis, each with a check that really uses it.
import { setTimeout as sleep } from 'node:timers/promises';
import { log } from './log.mjs';

const MIGRATION = `
  CREATE TABLE IF NOT EXISTS items (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    content jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE IF NOT EXISTS starts (
    version text PRIMARY KEY,
    first_started_at timestamptz NOT NULL DEFAULT now()
  );
`;

export async function openDatabase(server, service) {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({
    connectionString: process.env.DATABASE_URL,
    max: 5,
    connectionTimeoutMillis: 2500,
    query_timeout: 5000,
    application_name: `${service.name} ${service.slot ?? ''}`.trim(),
  });
  // An idle connection that breaks is replaced at the next query: no reason to end the process.
  pool.on('error', (error) => log.warn(`database connection lost: ${error.message}`));

  let migrated = null;
  const migrate = async () => {
    const connection = await pool.connect();
    try {
      // Both slots may start at once: one migrates, the other waits and finds it done.
      await connection.query('BEGIN');
      await connection.query('SELECT pg_advisory_xact_lock(727001)');
      await connection.query(MIGRATION);
      await connection.query('INSERT INTO starts (version) VALUES ($1) ON CONFLICT DO NOTHING', [
        service.version,
      ]);
      await connection.query('COMMIT');
    } catch (error) {
      await connection.query('ROLLBACK').catch(() => {});
      throw error;
    } finally {
      connection.release();
    }
  };
  const keepTrying = async () => {
    for (let wait = 500; migrated === null; wait = Math.min(wait * 2, 5000)) {
      try {
        await migrate();
        migrated = true;
        log.info('database is ready');
      } catch (error) {
        log.warn(`database is not ready: ${error.message}`);
        await sleep(wait, undefined, { ref: false });
      }
    }
  };
  keepTrying();

  server.checks.database = async () => {
    if (!migrated) throw new Error('not migrated yet');
    const { rows } = await pool.query('SELECT count(*) AS starts FROM starts');
    // The table is there but this version's own row is gone: the database was wiped under us.
    if (Number(rows[0].starts) === 0) throw new Error('the table of starts is empty');
  };
  server.onStop.push(() => pool.end());
  return pool;
}

export async function openRedis(server) {
  const { Redis } = await import('ioredis');
  const options = { lazyConnect: true, maxRetriesPerRequest: 1, connectTimeout: 2500 };
  const redis = process.env.REDIS_URL
    ? new Redis(process.env.REDIS_URL, options)
    : new Redis({
        host: process.env.REDIS_HOST,
        port: Number(process.env.REDIS_PORT),
        password: process.env.REDIS_PASSWORD,
        ...options,
      });
  redis.on('error', (error) => log.warn(`redis: ${error.message}`));
  redis.connect().catch(() => {}); // it keeps trying, and says so by the handler above
  server.checks.redis = async () => {
    if ((await redis.ping()) !== 'PONG') throw new Error('no PONG');
  };
  server.onStop.push(() => redis.disconnect());
  return redis;
}

// The API over the table: enough to see that data is kept, counted and restored.
export function serveItems(server, pool) {
  server.get('/api/items', async () => {
    const { rows } = await pool.query(
      'SELECT (SELECT count(*)::int FROM items) AS count, id, content FROM items ORDER BY id DESC LIMIT 1',
    );
    return { json: { count: rows[0]?.count ?? 0, last: rows[0]?.content ?? null } };
  });
  server.post('/api/items', async ({ body }) => {
    let content;
    try {
      content = JSON.parse(body.toString() || '{}');
    } catch {
      return { code: 400, json: { error: 'the body is no JSON' } };
    }
    const { rows } = await pool.query('INSERT INTO items (content) VALUES ($1) RETURNING id', [
      content,
    ]);
    return { code: 201, json: { id: Number(rows[0].id) } };
  });
}
