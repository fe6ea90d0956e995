# Build context: the root of the monorepo.
#   docker build -f docker/astro.Dockerfile --build-arg PACKAGE=@PROJECT/APP --build-arg FOLDER=apps/PROJECT/apps/APP .
# Nothing of an environment is baked in: URLs and secrets come when the container starts.
ARG NODE=20.19.5-alpine3.22

FROM node:${NODE} AS dependencies
RUN corepack enable && corepack prepare pnpm@9.15.9 --activate
WORKDIR /repo
# The lock file alone decides what is fetched, so this layer lasts until it changes.
COPY pnpm-lock.yaml pnpm-workspace.yaml package.json .npmrc* ./
RUN --mount=type=cache,id=pnpm,target=/root/.local/share/pnpm/store pnpm fetch

FROM dependencies AS build
ARG PACKAGE
ARG FOLDER
COPY . .
RUN --mount=type=cache,id=pnpm,target=/root/.local/share/pnpm/store \
    pnpm install --offline --frozen-lockfile --filter "${PACKAGE}..."
RUN pnpm --filter "${PACKAGE}..." build \
 && mv "${FOLDER}/dist" /site

FROM caddy:2.11.7-alpine AS runtime
# A copy of the server without the capability on its file: port 80 needs none in a container, and
# with it the program would not start where all capabilities are dropped.
RUN cp /usr/bin/caddy /usr/local/bin/caddy \
 && addgroup -g 1001 app && adduser -u 1001 -G app -S -D -H app
ENV XDG_CONFIG_HOME=/tmp XDG_DATA_HOME=/tmp
COPY docker/astro.Caddyfile /etc/caddy/Caddyfile
COPY --from=build /site /srv
USER 1001:1001
EXPOSE 80
HEALTHCHECK --interval=30s --timeout=10s --retries=3 --start-period=40s \
    CMD wget -q -O /dev/null http://127.0.0.1:80/ || exit 1
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
