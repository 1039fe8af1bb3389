# Galago from this tree: docker build -t galago . && docker run --rm -p 127.0.0.1:8080:8080 galago
FROM node:22-bookworm-slim AS build
WORKDIR /galago
COPY .npmrc package.json package-lock.json ./
# The tree is not here yet that `prepare` would build.
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build \
  && npm prune --omit=dev --ignore-scripts \
  && rm -rf node_modules/onnxruntime-node/bin/*/darwin node_modules/onnxruntime-node/bin/*/win32

FROM node:22-bookworm-slim
ENV NODE_ENV=production GALAGO_HOME=/data
WORKDIR /galago
COPY --from=build /galago/package.json /galago/LICENSE ./
COPY --from=build /galago/node_modules node_modules
COPY --from=build /galago/dist dist
COPY --from=build /galago/models models
COPY --from=build /galago/configs configs
# Pulled models, files and batches; all else is only read.
RUN mkdir /data && chown 1000:1000 /data
VOLUME /data
# By number, as Kubernetes tells that it is not root by no other.
USER 1000:1000
EXPOSE 8080
HEALTHCHECK --start-period=60s --interval=30s --timeout=5s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/galago/dist/cli/main.js"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
