"""What one source file says, as values: the common tongue of all languages.

A reading depends on the bytes of the file and on nothing else, so it is cached by blob id and shared by all worktrees.
An **outline** is a reading whose symbols carry no references: it is enough to resolve names against, and all that is
kept for unchanged files.

The structs are kept out of the garbage collector (``gc=False``): they are trees of immutable values, there are hundreds
of thousands of them, and a collector that walks them at every parse costs more than the parsing.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

Chain = tuple[str, ...]
"""How an expression is reached, step by step; evaluated by ``code.resolve`` in the scope of the file.

The first step is one of
  ``name``        a name looked up in the module (symbols, then imports, then star imports, then builtins);
                  ``exports`` that is none of them is a CommonJS module itself
  ``%Qual``       an instance of the class ``Qual`` of the same file (Python's ``self``, JavaScript's ``this``)
  ``%%Qual``      the class ``Qual`` itself (``cls``)
  ``%super:Qual`` the instance of ``Qual`` seen from its bases (``super()``)
  ``%fixture:n``  the pytest fixture ``n`` visible from this file
  ``%path:a.b.c`` a dotted path written as a string (``mock.patch("a.b.c")``)
  ``%import:1:a`` the module ``a`` of an import statement with one leading dot
  ``%str`` ``%int`` ``%list`` ... an instance of a builtin type (a literal): never a symbol of the project
  ``?``           unknown (an untyped parameter, the result of something not followed)
and every further step one of
  ``.attr``       attribute access
  ``()``          the result of calling it
  ``[]``          the result of subscripting it
  ``*``           an element met by iterating over it
  ``with``        what its ``__enter__`` gives
  ``await``       the awaited result
  ``@``           an instance of the class that it names (an annotation)
  ``[of]``        a container, awaitable or context manager of it: undone by ``*``, ``[]``, ``await`` and ``with``
  ``[at]``        a mapping to it: undone by ``[]``
"""


class Form(StrEnum):
    """How a reference uses its target."""

    LOAD = "load"  # the value is taken
    CALL = "call"  # it is called; ``Reference.call`` holds the shape
    STORE = "store"  # an attribute of it is assigned
    IMPORT = "import"  # an import statement names it
    INHERIT = "inherit"  # it is a base class
    OVERRIDE = "override"  # a method of the same name in a subclass (made by the resolver)
    DECORATE = "decorate"  # it decorates
    PROTOCOL = "protocol"  # an operator or statement calls it (``in`` -> ``__contains__``)
    ANNOTATION = "annotation"  # a type only
    FIXTURE = "fixture"  # pytest passes it
    STRING = "string"  # it is named in a string


class CallShape(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The arguments of a call: how many by position, which by name, and whether ``*`` or ``**`` hide more."""

    positional: int
    keywords: tuple[str, ...] = ()
    star: bool = False
    double_star: bool = False


class Reference(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One use of a name or attribute: line (1-based), chain up to and including the thing used, and how."""

    line: int
    chain: Chain
    form: Form
    call: CallShape | None = None


class ParameterKind(StrEnum):
    POSITIONAL_ONLY = "positional-only"
    NORMAL = "normal"
    KEYWORD_ONLY = "keyword-only"
    VAR_POSITIONAL = "*"
    VAR_KEYWORD = "**"


class Parameter(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One parameter; ``default`` and ``annotation`` are source text with formatting removed, ``""`` where none."""

    name: str
    kind: ParameterKind = ParameterKind.NORMAL
    default: str = ""
    annotation: str = ""


class Signature(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What callers rely on. ``parameters`` leave out ``self``/``cls``/``this``; ``raises`` are exception names."""

    parameters: tuple[Parameter, ...] = ()
    returns: str = ""
    is_async: bool = False
    is_generator: bool = False
    raises: tuple[str, ...] = ()
    returns_value: bool = False  # some ``return`` statement carries a value other than None
    arity: int = 0  # how many values every ``return`` gives as a tuple display; 0: no tuple, or they differ


class SymbolKind(StrEnum):
    MODULE = "module"  # the file's own statements; qualname ""
    CLASS = "class"
    FUNCTION = "function"
    METHOD = "method"
    PROPERTY = "property"
    VARIABLE = "variable"  # of a module
    FIELD = "field"  # of a class: class-level assignment or annotation, or ``self.x = ...`` in a method
    INTERFACE = "interface"
    TYPE = "type"
    ENUM = "enum"


CALLABLES = frozenset({SymbolKind.FUNCTION, SymbolKind.METHOD, SymbolKind.PROPERTY})
"""What has a body that runs when it is called, or taken."""

CLASS_KINDS = frozenset({SymbolKind.CLASS, SymbolKind.INTERFACE, SymbolKind.TYPE, SymbolKind.ENUM})
"""What has members."""

VALUE_KINDS = frozenset({SymbolKind.VARIABLE, SymbolKind.FIELD})
"""What is a value and runs nothing."""

Span = tuple[int, int]
"""First and last line, 1-based, both included."""


class Symbol(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A named definition in one file.

    ``spans`` has one entry a definition (several for overloads, a property and its setter, arms of an ``if``), with
    decorators; ``digest`` is of its own text: its spans without the spans of symbols nested in it. ``bases`` are the
    base classes' chains (classes); ``type`` is the chain, valid in the module's scope, of what a call gives
    (functions), or of the value (properties, variables, fields); ``()`` where unknown. ``decorators`` are dotted names.
    ``static`` marks what needs no instance (static method, class method).
    """

    qualname: str
    kind: SymbolKind
    spans: tuple[Span, ...]
    digest: str
    signature: Signature | None = None
    bases: tuple[Chain, ...] = ()
    decorators: tuple[str, ...] = ()
    type: Chain = ()
    static: bool = False
    references: tuple[Reference, ...] = ()


class Import(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A name that the file takes from another module.

    ``module`` is as written without leading dots, ``level`` counts the dots (Python); for JavaScript ``module`` is the
    specifier (``./a``). ``name`` is what is taken: ``""`` the module itself, ``"*"`` everything (``local`` is then
    ``""``), ``"default"`` a default export. ``local`` is the name it gets here. ``scope`` is the qualname of the
    function that holds a local import, ``""`` for the module. ``guarded``: inside ``try``/``if``.
    """

    local: str
    module: str
    level: int
    name: str
    line: int
    scope: str = ""
    guarded: bool = False


class Export(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A name that the file offers: ``public`` outside, ``local`` inside, or ``local`` of ``module`` for a re-export.

    ``local == "*"`` re-exports everything of ``module`` (as the namespace ``public`` unless that is ``"*"`` too).
    Python's ``__all__`` gives ``public == local``.
    """

    public: str
    local: str
    module: str
    line: int


class Status(StrEnum):
    PARSED = "parsed"
    PARTIAL = "partial"  # some definitions could not be read: ``broken`` says which lines
    UNKNOWN = "unknown"  # nothing could be read


class Reading(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a file defines, imports, exports and refers to. ``symbols`` are in source order, the module itself first.

    ``whole`` is what the module as a value is, where that may be more than its exports: ``("f",)`` for CommonJS's
    ``module.exports = f``, ``("exports",)`` for a CommonJS module that only adds to its exports, ``()`` for all others.
    """

    language: str
    status: Status = Status.PARSED
    symbols: tuple[Symbol, ...] = ()
    imports: tuple[Import, ...] = ()
    exports: tuple[Export, ...] = ()
    broken: tuple[Span, ...] = ()
    reason: str = ""  # why not PARSED, for people
    whole: Chain = ()
