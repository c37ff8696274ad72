# Builds the program, and an image with it, the system's certificates and nothing else to run.
#
#   docker build -t relink .          or: podman build -t relink .
#   docker run --rm relink demo --once
#   docker run -v "$PWD/relink.toml:/etc/relink/relink.toml:ro" -v relink:/data \
#     --env-file secrets.env -p 127.0.0.1:8080:8080 -p 127.0.0.1:8081:8081 relink run
#
# In a container, listeners have to be reachable from outside it: [receiver] listen = "0.0.0.0:8080",
# [web] listen = "0.0.0.0:8081", and data_dir = "/data".
#
# Runs as user 65532, writes only to /data (and demo to /tmp), and so works with a read-only root
# and without capabilities: --read-only --tmpfs /tmp --cap-drop all.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package relink

FROM debian:bookworm-slim
# Where a `data_dir = "data"` ends up, with / as the working folder. A volume made from it
# inherits the owner.
RUN install -d -o 65532 -g 65532 -m 0700 /data
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/config/relink.toml /src/LICENSE-APACHE /src/LICENSE-MIT /usr/share/doc/relink/
COPY --from=build /src/target/release/relink /usr/local/bin/relink
USER 65532:65532
WORKDIR /
VOLUME /data
ENV RELINK_CONFIG=/etc/relink/relink.toml
# Receiver, web, and for probes and scrapers alone: /livez, /readyz, /metrics.
EXPOSE 8080 8081 9090
# No HEALTHCHECK: it would have to start something in here that asks over HTTP, and there is no
# such thing in this image. Orchestrators ask /livez and /readyz themselves.
ENTRYPOINT ["/usr/local/bin/relink"]
CMD ["run"]
