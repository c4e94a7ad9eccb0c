# The runner of the Ascend workflows: CANN's image with Rust, PyTorch and torch_npu. Each version is pinned; build it on aarch64:
#   docker build --file ci/containers/cann.Dockerfile --tag dinov3-harness-runner:8.3.rc1 ci/containers
FROM quay.io/ascend/cann:8.3.rc1-910b-ubuntu22.04-py3.11

SHELL ["/bin/bash", "-o", "pipefail", "-c"]

ENV CARGO_HOME=/opt/cargo \
    RUSTUP_HOME=/opt/rustup \
    PATH=/opt/cargo/bin:$PATH

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential ca-certificates curl git pkg-config \
    && rm -rf /var/lib/apt/lists/*

RUN curl --proto '=https' --tlsv1.2 --silent --show-error --fail https://sh.rustup.rs \
      | sh -s -- -y --no-modify-path --profile minimal --default-toolchain 1.95.0 --component rustfmt --component clippy \
    && cargo install --locked cargo-nextest@0.9.114 \
    && rm -rf /opt/cargo/registry

# torch_npu 2.8.0 belongs to CANN 8.3.RC1. On aarch64, PyPI's torch is the one for the processor, which torch_npu asks for.
RUN python3 -m pip install --no-cache-dir \
      torch==2.8.0 torch_npu==2.8.0 numpy==1.26.4 pyyaml==6.0.2 setuptools==80.9.0

# GitHub's steps do not pass through the entrypoint: a login shell sources the environment instead.
RUN printf '%s\n' 'source /usr/local/Ascend/ascend-toolkit/set_env.sh' > /etc/profile.d/ascend.sh
