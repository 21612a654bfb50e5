"""Who may see the control room, and who may act in it."""

from watchkeeper.web.access.entrance import Access, access_folder, open_access, open_tokens
from watchkeeper.web.access.places import require_listen
from watchkeeper.web.access.serving import make_server_config

__all__ = ["Access", "access_folder", "make_server_config", "open_access", "open_tokens", "require_listen"]
