# The watch, the dashboard, or any other command, as a user without rights.
#
#   docker build -t loradiag .
#   docker run --rm -v "$PWD:/data" loradiag inspect my_adapter/
#   docker run -d -p 127.0.0.1:9464:9464 -v ops:/data loradiag drift watch --baseline baselines --lake lake --listen 0.0.0.0:9464
#   docker run -d -p 127.0.0.1:8501:8501 -v ops:/data:ro loradiag dashboard --traffic lake --reports reports --host 0.0.0.0 --no-browser
#
# EXTRAS: what is installed besides the plain package; torch is the build for the CPU.

FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
ARG EXTRAS=drift,dashboard
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY --from=build /wheels /wheels
COPY constraints.txt /wheels/
RUN pip install --no-cache-dir --extra-index-url "$TORCH_INDEX" -c /wheels/constraints.txt "$(echo /wheels/*.whl)[$EXTRAS]" \
    && rm -r /wheels \
    && useradd --uid 10001 --create-home loradiag \
    && install -d -o loradiag /data /cache
ENV LORADIAG_CACHE=/cache PYTHONUNBUFFERED=1
USER loradiag
WORKDIR /data
VOLUME ["/data", "/cache"]
EXPOSE 8501 9464
ENTRYPOINT ["loradiag"]
CMD ["--help"]
