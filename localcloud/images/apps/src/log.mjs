// Logs: one JSON object a line on standard output.
function write(level, message, fields) {
  const line = { time: new Date().toISOString(), level, message, ...log.context, ...fields };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

export const log = {
  context: {},
  info: (message, fields) => write('info', message, fields),
  warn: (message, fields) => write('warn', message, fields),
  error: (message, fields) => write('error', message, fields),
};
