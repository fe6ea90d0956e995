// A page of HTML.
export const escape = (text) =>
  String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

export function page(service, title, content) {
  return {
    type: 'text/html; charset=utf-8',
    body: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }
footer { color: #666; font-size: .85rem; margin-top: 3rem }
td { padding: .1rem 1rem .1rem 0; overflow-wrap: anywhere }
</style>
</head>
<body>
<h1>${escape(title)}</h1>
${content}
<footer>${escape(service.name)} ${escape(service.version)}${
      service.slot ? `, ${escape(service.slot)} slot` : ''
    }</footer>
</body>
</html>
`,
  };
}
