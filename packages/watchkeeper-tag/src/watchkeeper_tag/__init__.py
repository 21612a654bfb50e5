"""Tags, a journal of writes and a guard for an application's SQL; frameworks have a module each.

from watchkeeper_tag.sqlalchemy import install
install(engine)
"""

from watchkeeper_tag.guard import NestedWriteError
from watchkeeper_tag.tagging import Mode, Tagging

__all__ = ["Mode", "NestedWriteError", "Tagging"]
