"""What others send: Pushgateway's groups, Prometheus' remote write, OpenTelemetry's metrics. Each
needs an ingest key.
"""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from memmon.collect import service as collect
from memmon.context import Context
from memmon.errors import BadInput, MemmonError
from memmon.push import compression, group, otlp, rejections, remote_write, service
from web import auth, errors, http
from workers.base import enqueue

groups = Blueprint("push", __name__)
write = Blueprint("remote_write", __name__, url_prefix="/api/v1/write")
opentelemetry = Blueprint("otlp", __name__, url_prefix="/api/v1/otlp/v1/metrics")
BLUEPRINTS = (groups, write, opentelemetry)

MAX_PUSH_BODY = 8 * compression.MIB
GRPC_CODES = {400: 3, 413: 3, 415: 3, 401: 16, 403: 7, 429: 8, 503: 14}
"""What google.rpc calls a status."""


def _status(error: MemmonError) -> int:
    if isinstance(error, compression.BodyTooLarge):
        return 413
    if isinstance(error, compression.NotSpoken):
        return 415
    return errors.http_status(error)


def _wake(ctx: Context) -> None:
    """Wake the evaluation of rules over the new samples."""
    enqueue(collect.wake_evaluation(ctx))


@groups.errorhandler(BadInput)
def _unfit(error: BadInput) -> Response:
    status = _status(error)
    return errors.error_response(status, errors.ERROR_CODES.get(status, "bad_input"), str(error), field=error.field)


@groups.route('/metrics/<any("job", "job@base64"):head>/<path:path>', methods=["PUT", "POST", "DELETE"])
@auth.require_role("ingest")
@http.limit_body_size(MAX_PUSH_BODY)
def push(head: str, path: str) -> Response:
    """Replace a group, replace its families of the same names, or delete it, as Pushgateway
    does.
    """
    ctx = http.context()
    job, _, grouping = path.rstrip("/").partition("/")
    labels = group.labels_of(job, head.endswith(group.BASE64), grouping)
    if request.method == "DELETE":
        service.delete(ctx, labels)
        _wake(ctx)
        return Response(status=202)
    body = compression.unpack(request.get_data(), request.headers.get("Content-Encoding", ""), MAX_PUSH_BODY)
    service.put(ctx, labels, body, replaces=request.method == "PUT")
    _wake(ctx)
    return Response(status=200)


@write.post("")
@auth.require_role("ingest")
@http.limit_body_size(remote_write.MAX_BODY)
def receive() -> Response:
    """Accept samples by remote write. Rejected samples are final; the rest of the request is
    stored.
    """
    ctx = http.context()
    remote_write.check_type(request.headers.get("Content-Type", ""), request.headers.get("Content-Encoding", ""))
    refused = service.remote_write_1(ctx, request.get_data(), http.caller().name)
    _wake(ctx)
    if refused.counts.keys() <= {rejections.EXEMPLAR}:
        return Response(status=204)
    return _plain(400, refused.text("samples"))


@write.errorhandler(MemmonError)
def _failed_write(error: MemmonError) -> Response:
    return _plain(_status(error), str(error))


@write.errorhandler(HTTPException)
def _bad_write(error: HTTPException) -> Response:
    return _plain(error.code or 500, error.description or error.name)


def _plain(status: int, message: str) -> Response:
    response = Response(f"{message}\n", status, mimetype="text/plain")
    if status == 503:
        response.headers["Retry-After"] = errors.RETRY_AFTER
    return response


@opentelemetry.post("")
@auth.require_role("ingest")
@http.limit_body_size(otlp.MAX_BODY)
def export() -> Response:
    """Take in metrics of an OpenTelemetry SDK or collector; say how many data points were
    refused.
    """
    ctx = http.context()
    content_type = request.headers.get("Content-Type", "")
    otlp.kind_of(content_type)
    body = compression.unpack(request.get_data(), request.headers.get("Content-Encoding", ""), otlp.MAX_BODY)
    refused = service.otlp_metrics(ctx, body, content_type, http.caller().name)
    _wake(ctx)
    return Response(otlp.answer(refused, content_type), content_type=otlp.kind_of(content_type))


@opentelemetry.errorhandler(MemmonError)
def _failed_export(error: MemmonError) -> Response:
    return _rpc(_status(error), str(error))


@opentelemetry.errorhandler(HTTPException)
def _bad_export(error: HTTPException) -> Response:
    return _rpc(error.code or 500, error.description or error.name)


def _rpc(status: int, message: str) -> Response:
    """Return a failure as OTLP wants it: google.rpc.Status in the encoding of the request, JSON
    where that is unknown.
    """
    try:
        kind = otlp.kind_of(request.headers.get("Content-Type", ""))
    except BadInput:
        kind = otlp.JSON
    failure = otlp.Status(code=GRPC_CODES.get(status, 13), message=message)
    response = Response(otlp.encode(failure, kind), status, content_type=kind)
    if status == 503:
        response.headers["Retry-After"] = errors.RETRY_AFTER
    return response
