"""The API of Amazon Rekognition on our galleries: `boto3.client("rekognition", endpoint_url=…)` unchanged."""

from vultus.server.routes.aws.dispatch import router
from vultus.server.routes.aws.wire import add_voice

__all__ = ["add_voice", "router"]
