# The operator's image: small, non-root, fine with a read-only root file system. What a newer base has is told by
# docker buildx imagetools inspect python:3.13-slim
FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build
WORKDIR /src
COPY pyproject.toml README.md requirements.lock requirements-build.lock sbom.cdx.json ./
COPY operator operator
# kafkade's own wheel is made in an environment that stays behind: the image has what sbom.cdx.json lists, and no more
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock \
 && /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /dist . \
 && python -m venv /opt/kafkade \
 && /opt/kafkade/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && /opt/kafkade/bin/pip install --no-cache-dir --no-deps /dist/*.whl \
 && /opt/kafkade/bin/pip uninstall -y setuptools pip \
 && cp sbom.cdx.json /opt/kafkade/sbom.cdx.json \
 && find /opt/kafkade -name '__pycache__' -prune -exec rm -rf {} +

FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
LABEL org.opencontainers.image.title="kafkade" \
      org.opencontainers.image.description="Kafka, declared: a Kubernetes operator" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/kafkade /opt/kafkade
ENV PATH=/opt/kafkade/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# a number, so that runAsNonRoot can be checked
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["kafkade"]
CMD ["run", "--all-namespaces", "--liveness", "http://0.0.0.0:8080/healthz"]
