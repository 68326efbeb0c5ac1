# SPDX-License-Identifier: Apache-2.0
#
# MixFuse on Debian 12, for people on other systems: builds the wheel with the compiler in it, and an image
# that has nothing but Python and that wheel.
#
#   docker build -t mixfuse .
#   docker run --rm -v "$PWD":/work -w /work mixfuse build Examples/maml_sinusoid.mix -o out

FROM swift:6.3-bookworm AS build
RUN apt-get update --quiet && apt-get install --yes --no-install-recommends make python3 python3-venv
COPY . /mixfuse
WORKDIR /mixfuse
RUN make wheel

FROM python:3.11-slim-bookworm
COPY --from=build /mixfuse/.build/wheel/*.whl /tmp/
RUN pip install --no-cache-dir /tmp/*.whl && rm /tmp/*.whl
ENTRYPOINT ["mixfuse"]
CMD ["--help"]
