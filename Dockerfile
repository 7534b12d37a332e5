# docker build -t spinimpute . && docker run --rm -v "$PWD:/data" spinimpute impute --ref ...
# For a small CPU image pass pip's option for the index of PyTorch's CPU builds: --build-arg TORCH_PIP_OPTIONS="..."
FROM python:3.11-slim AS build
ARG TORCH_PIP_OPTIONS=""
COPY constraints.txt /src/
RUN python -m venv /opt/spinimpute \
    && /opt/spinimpute/bin/pip install --no-cache-dir -c /src/constraints.txt pip \
    && /opt/spinimpute/bin/pip install --no-cache-dir -c /src/constraints.txt ${TORCH_PIP_OPTIONS} torch==2.13.0
COPY . /src
RUN /opt/spinimpute/bin/pip install --no-cache-dir -c /src/constraints.txt /src

FROM python:3.11-slim
COPY --from=build /opt/spinimpute /opt/spinimpute
RUN useradd --create-home --uid 1000 spin
USER spin
ENV PATH=/opt/spinimpute/bin:$PATH NUMBA_CACHE_DIR=/tmp/numba
WORKDIR /data
ENTRYPOINT ["spinimpute"]
CMD ["--help"]
