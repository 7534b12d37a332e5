# syntax=docker/dockerfile:1
# docker build -t spinimpute . && docker run --rm -v "$PWD:/data" spinimpute impute --ref ...
# docs/installing.md explains the build arguments.
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS build
# pip's options for PyTorch alone: --index-url and the index of its CPU builds, or of its CUDA builds.
ARG TORCH_PIP_OPTIONS=""
ARG TORCH_VERSION=2.13.0
WORKDIR /src
COPY constraints.txt ./
RUN python -m venv /opt/spinimpute \
    && /opt/spinimpute/bin/pip install --no-cache-dir -c constraints.txt pip \
    && /opt/spinimpute/bin/pip install --no-cache-dir ${TORCH_PIP_OPTIONS} "torch==${TORCH_VERSION}"
COPY pyproject.toml README.md LICENSE ./
COPY models ./models
COPY spinimpute ./spinimpute
RUN /opt/spinimpute/bin/pip install --no-cache-dir -c constraints.txt .

FROM python:${PYTHON_VERSION}-slim
LABEL org.opencontainers.image.title="spinimpute" \
      org.opencontainers.image.description="Genotype imputation with semi-parametric inducing point networks" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --create-home --uid 1000 spin
COPY --from=build /opt/spinimpute /opt/spinimpute
# Anyone may run it (docker run --user), so what is written at run time goes to /tmp.
ENV PATH=/opt/spinimpute/bin:$PATH \
    NUMBA_CACHE_DIR=/tmp/numba \
    MPLCONFIGDIR=/tmp/matplotlib
# Numeric, so that Kubernetes can tell that it is not root.
USER 1000:1000
WORKDIR /data
ENTRYPOINT ["spinimpute"]
CMD ["--help"]
