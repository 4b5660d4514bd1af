# One image for every role: `docker build -t sluice .`, then `docker run sluice gateway --config ...`.
# Nothing of the build is in it but the program: no shell, no package manager, and a user without rights.

FROM rust:1.95-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The image has the pinned toolchain already; the file would make rustup look for its components.
RUN rm rust-toolchain.toml \
    && cargo build --locked --release --bin sluice \
    && mkdir -p /out/lib \
    && cp target/release/sluice /out/sluice \
    # What the program needs and the base may lack, by the names that the loader asks for.
    && ldd target/release/sluice | awk '/libz\.so/ { print $3 }' | xargs -r -I{} cp -L {} /out/lib/

# Debian 12 as the one above: libc, libgcc and OpenSSL, certificates, the user `nonroot`.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/lib/ /usr/local/lib/
COPY --from=build /out/sluice /usr/local/bin/sluice
ENV LD_LIBRARY_PATH=/usr/local/lib
USER nonroot:nonroot
# gateway: HTTP, gRPC, ops; query: HTTP, gRPC, ops; ops of enrichment, analytics and retention.
EXPOSE 8400 8401 8409 8410 8411 8419 8429 8439 8449
ENTRYPOINT ["/usr/local/bin/sluice"]
CMD ["help"]
