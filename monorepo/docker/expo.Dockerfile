# Build context: the root of the monorepo.
#   docker build -f docker/expo.Dockerfile --build-arg PACKAGE=@PROJECT/APP --build-arg FOLDER=apps/PROJECT/apps/APP .
# Nothing of an environment is baked in: URLs and secrets come when the container starts.
# The image is one over-the-air update: what `expo export` made, and the server that hands it out.
# Channel, runtime version and public URL come when the container starts.
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
RUN cd "${FOLDER}" && pnpm exec expo export --platform ios --platform android --output-dir /update

FROM node:${NODE} AS server
WORKDIR /server
# A package of the monorepo: a server of Expo's updates protocol, version 1, for one exported update.
COPY packages/updates-server/package.json packages/updates-server/package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts
COPY packages/updates-server/src ./src

FROM node:${NODE} AS runtime
ARG PORT=3000
ENV NODE_ENV=production PORT=${PORT} UPDATE_FOLDER=/app/update
RUN addgroup -g 1001 app && adduser -u 1001 -G app -S -D -H app
WORKDIR /app
COPY --chmod=755 docker/entrypoint.sh /usr/local/bin/entrypoint.sh
COPY --from=server /server ./
COPY --from=build /update ./update
USER 1001:1001
EXPOSE ${PORT}
HEALTHCHECK --interval=30s --timeout=10s --retries=3 --start-period=40s \
    CMD wget -q -O /dev/null "http://127.0.0.1:${PORT}/health" || exit 1
ENTRYPOINT ["/usr/local/bin/entrypoint.sh"]
CMD ["node", "src/main.mjs"]
