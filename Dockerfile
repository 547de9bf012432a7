# The operator's image: small, non-root, fine with a read-only root file system.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md requirements.lock ./
COPY operator operator
RUN python -m venv /opt/kafkade \
 && /opt/kafkade/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && /opt/kafkade/bin/pip install --no-cache-dir hatchling \
 && /opt/kafkade/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/kafkade/bin/pip uninstall -y hatchling pip \
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
