"""Keeps the ranks' own traffic away from proxies.

TensorFlow's gRPC, with which some strategies communicate, sends everything through ``grpc_proxy``, ``https_proxy`` or
``http_proxy``, even to 127.0.0.1, unless the end of the host's name is listed in ``no_grpc_proxy``. So that list gets
every letter and digit with which a name or an address can end. The variables of the proxies themselves stay, for data
that is read by URL.
"""

from __future__ import annotations

import string

PROXY_FREE = {"no_grpc_proxy": ",".join(f"{string.digits}{string.ascii_lowercase}.-_]")}
"""Variables that every rank must have. gRPC compares without regard to case."""
