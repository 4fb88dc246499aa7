# The image of every process of Mandate. Base images can come from elsewhere:
#   docker build --build-arg RUST_IMAGE=… --build-arg RUNTIME_IMAGE=… .
ARG RUST_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${RUST_IMAGE} AS build
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    cargo build --locked --profile dist --package mandate \
    && install -D target/dist/mandate /image/usr/local/bin/mandate \
    # Volumes take over the owner of the folder that they are mounted on.
    && install -d -o 999 -g 999 /image/data /image/run/mandate/worker /image/run/mandate/ingress \
       /image/run/mandate/simulator /image/run/mandate/postgres /image/run/mandate/rabbitmq

FROM ${RUNTIME_IMAGE}
COPY --from=build --chown=999:999 /image/data /data
COPY --from=build --chown=999:999 /image/run/mandate /run/mandate
COPY --from=build /image/usr/local/bin/mandate /usr/local/bin/mandate
# The user of the official images of PostgreSQL and RabbitMQ, so that secrets can be for their owner alone.
USER 999:999
WORKDIR /data
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/mandate"]
