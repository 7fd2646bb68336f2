"""The package proxy: what a sandbox without network may read of the operator's registries.

It runs on the host, listens on a Unix socket, and answers GET and HEAD for packages of the
configured registries, nothing else. Credentials stay here.
"""

from honk.sandboxes.proxy.server import Endpoint, PackageProxy

__all__ = ["Endpoint", "PackageProxy"]
