// The job of a release that brings the service's database up to date; safe to repeat.
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { log } from './log.mjs';

const MIGRATION = `
  CREATE TABLE IF NOT EXISTS migrations (
    version text PRIMARY KEY,
    ended_at timestamptz NOT NULL DEFAULT now()
  );
`;

const service = JSON.parse(await readFile('/app/service.json', 'utf8'));
log.context = { service: service.name, version: service.version };
const database = new pg.Client({ connectionString: process.env.DATABASE_URL });
await database.connect();
try {
  await database.query('BEGIN');
  await database.query(MIGRATION);
  await database.query('INSERT INTO migrations (version) VALUES ($1) ON CONFLICT DO NOTHING', [
    service.version,
  ]);
  if (service.fault === 'migration') {
    await database.query('ALTER TABLE no_such_table ADD COLUMN content text');
  }
  if (service.fault === 'breaking') {
    await database.query('ALTER TABLE starts RENAME COLUMN version TO release');
  }
  await database.query('COMMIT');
  log.info('migrated');
} catch (error) {
  log.error(`migration failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await database.end();
}
