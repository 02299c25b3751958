# One image for every command, with the files that `npm run image` puts in. The base is an argument, so that it builds
# where only a mirror is reached; it needs Node 20 or later, glibc and ldd:
#   docker build --build-arg BASE=mirror/node:26-slim -t countersign:0.1.0 .
ARG BASE=node:26-slim

FROM ${BASE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY .ci/setup.mjs .ci/setup.mjs
RUN npm run setup
COPY . .
RUN npm run image -- --rootfs=/out

# Nothing below: no shell and no package manager that somebody inside could use.
FROM scratch
LABEL org.opencontainers.image.title="countersign" \
      org.opencontainers.image.description="Binds each AI agent's pod to the one human it acts for, at admission" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/usr/local/bin
WORKDIR /
COPY --from=build /out/ /
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/countersign"]
