// What the environment must hold.
export function missingVariables(service, environment) {
  return service.required.filter((name) => !environment[name]);
}

// The variables that a browser may see: the public ones, never a secret.
export function publicSettings(service, environment) {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => name.startsWith('PUBLIC_') && !service.secret.includes(name),
    ),
  );
}
