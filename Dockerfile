# One image for every command. The base is an argument, so that it builds where only a mirror is reached:
#   docker build --build-arg BASE=mirror/node:26-slim -t countersign:0.1.0 .
ARG BASE=node:26-slim

FROM ${BASE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY .ci/setup.mjs .ci/setup.mjs
RUN npm run setup
COPY . .
# The session container is started by path, in whatever image it is; so the program has one that stays.
RUN npm run build \
 && mkdir -p /out/usr/local/bin \
 && cp -r dist /out/countersign \
 && chmod 0755 /out/countersign/countersign.js \
 && ln -s /countersign/countersign.js /out/usr/local/bin/countersign

FROM ${BASE}
LABEL org.opencontainers.image.title="countersign" \
      org.opencontainers.image.description="Binds each AI agent's pod to the one human it acts for" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/ /
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/countersign"]
