// Loki's configuration: checked for the keys of Loki 3, and read for what matters here.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export class ConfigurationError extends Error {}

// The top-level sections of Loki 3. Another one is a mistake that Loki refuses as well.
const SECTIONS = new Set(
  `target auth_enabled ballast_bytes server distributor querier query_scheduler frontend
   query_range ruler ingester_client ingester pattern_ingester index_gateway bloom_build
   bloom_gateway storage_config chunk_store_config schema_config compactor compactor_grpc_client
   limits_config frontend_worker table_manager memberlist kafka_config dataobj ingest_limits
   runtime_config operational_config tracing analytics ui profiling common
   shutdown_delay metrics_namespace limits`.split(/\s+/),
);
const DEFAULTS = { server: { http_listen_port: 3100 }, common: { path_prefix: '/loki' } };

export function configuration(args) {
  const options = {};
  for (const argument of args) {
    const [, name, value = 'true'] = /^--?([\w.-]+)(?:=(.*))?$/.exec(argument) ?? [];
    if (!name) throw new ConfigurationError(`unknown argument ${argument}`);
    options[name] = value;
  }
  const file = options['config.file'];
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (file !== '/etc/loki/local-config.yaml') {
      throw new ConfigurationError(`failed to read ${file}: ${error.message}`);
    }
  }
  const given = text === undefined ? DEFAULTS : read(text, options['config.expand-env'] === 'true');
  const retention = given.limits_config?.retention_period ?? '7d';
  if (!/^\d+(h|d|w)$/.test(retention)) {
    throw new ConfigurationError(`limits_config.retention_period: ${retention} is no duration`);
  }
  return {
    port: given.server?.http_listen_port ?? 3100,
    folder: given.common?.path_prefix ?? '/loki',
    // The store takes no less than a day.
    retention: /^\d+h$/.test(retention) ? `${Math.max(parseInt(retention, 10), 24)}h` : retention,
    verifyOnly: options['verify-config'] === 'true',
  };
}

function read(text, expand) {
  const full = expand
    ? text.replace(/\$\{(\w+)(?::([^}]*))?\}/g, (_, name, other) => process.env[name] ?? other ?? '')
    : text;
  let given;
  try {
    given = parse(full);
  } catch (error) {
    throw new ConfigurationError(`failed parsing config: ${error.message}`);
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new ConfigurationError('failed parsing config: expected a mapping');
  }
  const unknown = Object.keys(given).filter((key) => !SECTIONS.has(key));
  if (unknown.length > 0) {
    throw new ConfigurationError(`failed parsing config: unknown fields ${unknown.join(', ')}`);
  }
  const port = given.server?.http_listen_port ?? 3100;
  if (!Number.isInteger(port)) {
    throw new ConfigurationError(`server.http_listen_port: ${port} is no port`);
  }
  const schemas = given.schema_config?.configs;
  if (!Array.isArray(schemas) || schemas.length === 0) {
    throw new ConfigurationError('schema_config.configs: at least one schema is needed');
  }
  for (const [index, schema] of schemas.entries()) {
    for (const key of ['from', 'store', 'object_store', 'schema', 'index']) {
      if (!schema[key]) throw new ConfigurationError(`schema_config.configs[${index}].${key} is missing`);
    }
  }
  return given;
}
