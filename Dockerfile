# The image that `make image` writes, for those who have Docker; with buildx also for arm64:
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg SALLYPORT_COMMIT=$(git rev-parse HEAD) -t REGISTRY/sallyport:VERSION .
FROM rust:1.95-bookworm AS build
ARG SALLYPORT_COMMIT=""
WORKDIR /src
COPY . .
RUN packaging/image.sh release /image

FROM scratch
COPY --from=build /image /
LABEL org.opencontainers.image.title="Sallyport" org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/usr/local/bin SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt MIMALLOC_PURGE_DELAY=0
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/sallyport"]
