# The operator's image: small, non-root, fine with a read-only root file system.
FROM python:3.13-slim AS build
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

FROM python:3.13-slim
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
