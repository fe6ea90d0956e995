// The stand-in's two pages.
import { allPanels } from './provisioning.mjs';

const escape = (text) =>
  String(text ?? '').replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

function page(title, content) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>
body { font: .95rem/1.5 system-ui, sans-serif; background: #15171c; color: #d8dade;
  max-width: 75rem; margin: 2rem auto; padding: 0 1rem }
a { color: #6ea8fe }
.note { border-left: .25rem solid #e0a526; padding-left: .75rem; color: #b9bcc4 }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); gap: 1rem }
section { background: #1f2229; border-radius: .4rem; padding: .75rem 1rem; overflow: auto }
h2 { font-size: 1rem; margin: 0 0 .5rem }
td { padding: .1rem .75rem .1rem 0; overflow-wrap: anywhere; vertical-align: top }
.error { color: #ff8a80 }
code { color: #9aa0ab; font-size: .8rem; overflow-wrap: anywhere }
</style>
</head>
<body>
<h1>${escape(title)}</h1>
<p class="note">This is the local cloud's stand-in, not Grafana: it reads the same provisioning and
runs the same queries against the real data sources. Production runs Grafana.</p>
${content}
</body>
</html>
`;
}

export function overview(datasources, dashboards) {
  const boards = dashboards
    .map((one) => `<li><a href="/d/${one.uid}">${escape(one.title)}</a> ${escape(one.folder)}</li>`)
    .join('\n');
  const sources = datasources
    .map((one) => `<tr><td>${escape(one.name)}</td><td>${escape(one.type)}</td><td>${escape(one.url)}</td></tr>`)
    .join('\n');
  return page(
    'Dashboards',
    `<ul>${boards}</ul><section><h2>Data sources</h2><table>${sources}</table></section>`,
  );
}

export async function dashboardPage(board, ask) {
  const panels = allPanels(board.model).filter((panel) => (panel.targets ?? []).length > 0);
  const shown = await Promise.all(panels.map((panel) => panelOf(panel, ask)));
  return page(board.title, `<p><a href="/">All dashboards</a></p><div class="grid">${shown.join('\n')}</div>`);
}

async function panelOf(panel, ask) {
  const parts = await Promise.all(
    panel.targets.map(async (target) => {
      const answer = await ask({ ...target, datasource: target.datasource ?? panel.datasource });
      const rows = (answer.values ?? [])
        .map(([labels, value]) => `<tr><td>${escape(labels)}</td><td>${escape(value)}</td></tr>`)
        .join('\n');
      const result = answer.error
        ? `<p class="error">${escape(answer.error)}</p>`
        : `<table>${rows || '<tr><td>no data</td></tr>'}</table>`;
      return `<code>${escape(target.expr)}</code>${result}`;
    }),
  );
  return `<section><h2>${escape(panel.title)}</h2>${parts.join('\n')}</section>`;
}
