# One small image for the three programs and the commands.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p sallyport

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/sallyport /usr/local/bin/sallyport
COPY --from=build /src/LICENSE /usr/share/licenses/sallyport/LICENSE
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/sallyport"]
