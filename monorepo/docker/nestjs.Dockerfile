# Build context: the root of the monorepo.
#   docker build -f docker/nestjs.Dockerfile --build-arg PACKAGE=@PROJECT/APP --build-arg FOLDER=apps/PROJECT/apps/APP .
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
# The workspace packages that it depends on are built first.
RUN pnpm --filter "${PACKAGE}..." build \
 && pnpm --filter "${PACKAGE}" --prod deploy /app

FROM node:${NODE} AS runtime
ARG PORT=3000
ARG HEALTH_PATH=/health
ENV NODE_ENV=production PORT=${PORT} HEALTH_PATH=${HEALTH_PATH}
RUN addgroup -g 1001 app && adduser -u 1001 -G app -S -D -H app
WORKDIR /app
COPY --chmod=755 docker/entrypoint.sh /usr/local/bin/entrypoint.sh
COPY --chmod=755 docker/migrate.sh /usr/local/bin/migrate
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER 1001:1001
EXPOSE ${PORT}
HEALTHCHECK --interval=30s --timeout=10s --retries=3 --start-period=40s \
    CMD wget -q -O /dev/null "http://127.0.0.1:${PORT}${HEALTH_PATH}" || exit 1
ENTRYPOINT ["/usr/local/bin/entrypoint.sh"]
CMD ["node", "dist/main.js"]
