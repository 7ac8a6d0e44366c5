# Tidegate: `start` (the control process and its worker processes), `worker`, `produce` and all other
# commands. The base has glibc, which Temporal's native library needs: no Alpine. It brings Deno, the
# user deno (1993) and /tini.
FROM denoland/deno:2.9.6 AS build
WORKDIR /app
RUN chown deno:deno /app
USER deno

# Dependencies, a layer of their own: it changes with the manifest only, which holds no test tools.
COPY --chown=deno:deno deploy/image/manifest.json deno.json
COPY --chown=deno:deno deploy/image/lock.json deno.lock
RUN deno install --quiet --frozen
# Temporal's library comes for five platforms; one is enough.
RUN cd node_modules/.deno/@temporalio+core-bridge@*/node_modules/@temporalio/core-bridge/releases && \
    find . -mindepth 1 -maxdepth 1 ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -r {} +

COPY --chown=deno:deno . .
# The workflow bundle, and all modules compiled: at run time nothing is built and nothing written.
RUN deno run --quiet --allow-read --allow-write=/app/.bundle --allow-run adapters/temporal/bundle.ts
RUN deno cache --quiet --frozen cli/main.ts processes/worker.ts commands/*.ts pipelines/*.ts && rm -rf "$DENO_DIR/npm"

FROM denoland/deno:2.9.6
LABEL org.opencontainers.image.title="Tidegate" \
      org.opencontainers.image.description="Event-time windows on Redpanda and Temporal" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NO_COLOR=1 \
    DENO_NO_UPDATE_CHECK=1 \
    TIDEGATE_DATA_DIR=/data \
    TIDEGATE_HOST=0.0.0.0
# A volume that is mounted here belongs to the user too.
RUN mkdir /data && chown deno:deno /data
# For `docker compose exec tidegate tidegate windows`: there is no entry point there.
RUN ln -s /app/deploy/image/tidegate /usr/local/bin/tidegate
WORKDIR /app
COPY --from=build /deno-dir /deno-dir
COPY --from=build /app /app
# By number, so that a cluster can tell that it is not root.
USER 1993:1993
EXPOSE 8088
ENTRYPOINT ["/tini", "--", "/app/deploy/image/tidegate"]
CMD ["start"]
