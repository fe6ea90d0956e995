// LogQL to LogsQL: a stream selector, line filters, `| json` and label filters.
export class QueryError extends Error {}

const STRING = /^("(?:[^"\\]|\\.)*"|`[^`]*`)/;

export function toLogsQL(query) {
  let rest = query.trim();
  const selector = /^\{([^}]*)\}/.exec(rest);
  if (!selector) throw new QueryError(`parse error: expected a stream selector in ${query}`);
  const matchers = selector[1].trim() === '' ? [] : selector[1].split(/,(?=\s*\w+\s*(?:=|!))/);
  const stream = matchers.map((matcher) => {
    const parts = /^\s*(\w+)\s*(=~|!~|!=|=)\s*(.+?)\s*$/s.exec(matcher);
    if (!parts) throw new QueryError(`parse error at ${matcher}`);
    return `${parts[1]}${parts[2]}${JSON.stringify(unquote(parts[3], query))}`;
  });
  const filters = [`{${stream.join(',')}}`];
  const pipes = [];
  rest = rest.slice(selector[0].length).trim();
  while (rest) {
    const line = /^(\|=|\|~|!=|!~)\s*/.exec(rest);
    const parser = /^\|\s*(json|logfmt)\b\s*/.exec(rest);
    const label = /^\|\s*(\w+)\s*(=~|!~|!=|=)\s*/.exec(rest);
    if (line) {
      rest = rest.slice(line[0].length);
      const text = STRING.exec(rest);
      if (!text) throw new QueryError(`parse error: expected a string at ${rest}`);
      rest = rest.slice(text[0].length).trim();
      filters.push(lineFilter(line[1], JSON.stringify(unquote(text[0], query))));
    } else if (parser) {
      rest = rest.slice(parser[0].length);
      pipes.push(`unpack_${parser[1]}`);
    } else if (label) {
      rest = rest.slice(label[0].length);
      const text = STRING.exec(rest);
      if (!text) throw new QueryError(`parse error: expected a string at ${rest}`);
      rest = rest.slice(text[0].length).trim();
      pipes.push(`filter ${labelFilter(label[1], label[2], JSON.stringify(unquote(text[0], query)))}`);
    } else {
      throw new QueryError(`not supported by the local cloud: ${rest}`);
    }
  }
  return [filters.join(' '), ...pipes].join(' | ');
}

function lineFilter(operator, text) {
  // `~` matches a part of the line, as Loki's do; a plain word filter would match whole words.
  const pattern = operator.includes('~') ? text : JSON.stringify(escapeRegex(JSON.parse(text)));
  return `${operator.startsWith('!') ? '!' : ''}_msg:~${pattern}`;
}

function labelFilter(name, operator, text) {
  const negated = operator.startsWith('!') ? '!' : '';
  return operator.includes('~') ? `${negated}${name}:~${text}` : `${negated}${name}:=${text}`;
}

function escapeRegex(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function unquote(text, query) {
  if (!STRING.test(text)) throw new QueryError(`parse error in ${query}: ${text} is no string`);
  return text.startsWith('`') ? text.slice(1, -1) : JSON.parse(text);
}
