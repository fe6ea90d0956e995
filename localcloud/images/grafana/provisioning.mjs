// Reads and checks /etc/grafana/provisioning: all problems at once, each with its file and path.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

export class ProvisioningError extends Error {
  constructor(problems) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

const TYPES = ['prometheus', 'loki', 'alertmanager'];

export function provision(root, environment) {
  const problems = [];
  const datasources = documents(path.join(root, 'datasources'), environment, problems).flatMap(
    ({ file, content }) => readSources(file, content, problems),
  );
  const providers = documents(path.join(root, 'dashboards'), environment, problems).flatMap(
    ({ file, content }) => readProviders(file, content, problems),
  );
  const uids = new Set(datasources.map((source) => source.uid));
  const dashboards = providers.flatMap((provider) => readBoards(provider, uids, problems));
  repeated(datasources, 'uid', 'data source', problems);
  repeated(dashboards, 'uid', 'dashboard', problems);
  if (datasources.filter((source) => source.isDefault).length > 1) {
    problems.push('datasources: only one can be the default');
  }
  if (problems.length > 0) throw new ProvisioningError(problems);
  return { datasources, dashboards };
}

function documents(folder, environment, problems) {
  return list(folder, /\.ya?ml$/).flatMap((file) => {
    try {
      const text = readFileSync(file, 'utf8').replace(
        /\$(?:\{(\w+)\}|__file\{([^}]+)\})/g,
        (_, name, secret) => (name ? (environment[name] ?? '') : readFileSync(secret, 'utf8').trim()),
      );
      return [{ file, content: parse(text) ?? {} }];
    } catch (error) {
      problems.push(`${file}: ${error.message}`);
      return [];
    }
  });
}

function list(folder, pattern) {
  try {
    const names = readdirSync(folder, { recursive: true }).map(String).sort();
    return names.filter((name) => pattern.test(name)).map((name) => path.join(folder, name));
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

function readSources(file, content, problems) {
  if (content.apiVersion !== 1) problems.push(`${file}: apiVersion: expected 1`);
  return (content.datasources ?? []).map((source, index) => {
    const at = `${file}: datasources[${index}]`;
    for (const key of ['name', 'type', 'url']) {
      if (!source[key]) problems.push(`${at}.${key} is missing`);
    }
    if (source.type && !TYPES.includes(source.type)) {
      problems.push(`${at}.type: ${source.type} is not known here: ${TYPES.join(', ')}`);
    }
    if (source.url && !URL.canParse(source.url)) problems.push(`${at}.url: ${source.url} is no URL`);
    const uid = source.uid ?? String(source.name).toLowerCase().replace(/[^\w-]/g, '-');
    return { id: index + 1, access: 'proxy', isDefault: false, readOnly: true, ...source, uid };
  });
}

function readProviders(file, content, problems) {
  if (content.apiVersion !== 1) problems.push(`${file}: apiVersion: expected 1`);
  return (content.providers ?? []).flatMap((provider, index) => {
    const at = `${file}: providers[${index}]`;
    if (provider.type && provider.type !== 'file') problems.push(`${at}.type: expected file`);
    if (!provider.options?.path) {
      problems.push(`${at}.options.path is missing`);
      return [];
    }
    return [{ folder: provider.folder ?? '', path: provider.options.path }];
  });
}

function readBoards(provider, uids, problems) {
  return list(provider.path, /\.json$/).flatMap((file) => {
    let model;
    try {
      model = JSON.parse(readFileSync(file, 'utf8'));
    } catch (error) {
      problems.push(`${file}: ${error.message}`);
      return [];
    }
    if (!model.title) problems.push(`${file}: title is missing`);
    if (!/^[\w-]{1,40}$/.test(model.uid ?? '')) {
      problems.push(`${file}: uid: 1 to 40 letters, digits, - and _`);
    }
    if (!Array.isArray(model.panels)) problems.push(`${file}: panels is missing`);
    checkPanels(file, allPanels(model), uids, problems);
    return [{ uid: model.uid, title: model.title, tags: model.tags ?? [], folder: provider.folder, model }];
  });
}

export function allPanels(model) {
  return (model.panels ?? []).flatMap((panel) => [panel, ...(panel.panels ?? [])]);
}

function checkPanels(file, panels, uids, problems) {
  const seen = new Set();
  for (const [index, panel] of panels.entries()) {
    const at = `${file}: panels[${index}]`;
    if (!panel.type) problems.push(`${at}.type is missing`);
    if (panel.id !== undefined && seen.has(panel.id)) problems.push(`${at}.id: ${panel.id} is taken`);
    seen.add(panel.id);
    if (!panel.gridPos) problems.push(`${at}.gridPos is missing`);
    for (const source of [panel.datasource, ...(panel.targets ?? []).map((one) => one.datasource)]) {
      const uid = source?.uid;
      if (uid && !uid.startsWith('$') && !uid.startsWith('-- ') && !uids.has(uid)) {
        problems.push(`${at}.datasource: no data source ${uid}`);
      }
    }
    for (const [number, target] of (panel.targets ?? []).entries()) {
      if (!target.expr) problems.push(`${at}.targets[${number}].expr is missing`);
    }
  }
}

function repeated(entries, key, what, problems) {
  const seen = new Set();
  for (const entry of entries) {
    if (seen.has(entry[key])) problems.push(`${what} ${entry[key]}: ${key} is used twice`);
    seen.add(entry[key]);
  }
}
