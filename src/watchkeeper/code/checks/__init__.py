"""The static checks: each module of this package that has a ``CHECK`` is one."""
