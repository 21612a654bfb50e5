"""What counts as a change of a symbol."""

from __future__ import annotations

from watchkeeper.code.tree import index_of
from watchkeeper.conflicts.of_trees import footprint_of
from watchkeeper.model.footprint import Aspect, Edit, Footprint, Read, Write
from watchkeeper.model.ids import SymbolKey

BASE = {
    "shop/__init__.py": b"",
    "shop/prices.py": b'''from decimal import Decimal

RATE = Decimal("0.19")


def net(gross, *, rate=RATE):
    """Without tax."""
    return gross / (1 + rate)


def tax(gross):
    return gross - net(gross)


class Basket:
    limit = 10

    def __init__(self, owner):
        self.owner = owner
        self.items = []

    def add(self, item):
        if len(self.items) >= self.limit:
            raise ValueError("full")
        self.items.append(item)

    def total(self):
        return sum(item.price for item in self.items)
''',
    "shop/checkout.py": b"""from shop.prices import Basket, tax


def pay(basket: Basket):
    return tax(basket.total())
""",
}


def footprint(path: str, old: str, new: str, base: dict[str, bytes] | None = None) -> Footprint:
    tree = base or BASE
    text = tree[path].decode()
    assert old in text
    return footprint_of("change", tree, {path: text.replace(old, new).encode()}, index_of(tree))


def writes(path: str, old: str, new: str) -> dict[str, Write]:
    return {write.key.qualname: write for write in footprint(path, old, new).writes}


def test_comments_docstrings_and_layout_are_no_change() -> None:
    found = writes(
        "shop/prices.py", '"""Without tax."""\n    return gross', '"""Net."""\n    # divides\n\n    return  gross'
    )
    assert found == {}


def test_a_changed_body_is_a_change_of_that_function_alone() -> None:
    found = writes("shop/prices.py", "gross / (1 + rate)", "round(gross / (1 + rate), 2)")
    assert {name: write.aspects for name, write in found.items()} == {"net": frozenset({Aspect.BODY})}


def test_a_changed_default_is_a_change_of_contract() -> None:
    found = writes("shop/prices.py", "rate=RATE", "rate=0")
    assert Aspect.DEFAULTS in found["net"].aspects
    assert found["net"].detail == "default of rate is now 0"


def test_a_removed_parameter_is_named() -> None:
    assert writes("shop/prices.py", "gross, *, rate=RATE", "gross")["net"].detail == "parameter rate removed"


def test_the_owner_of_a_constructor_changes_its_contract_with_it() -> None:
    found = writes("shop/prices.py", "def __init__(self, owner):", "def __init__(self, owner, shop):")
    assert Aspect.PARAMETERS in found["Basket"].aspects
    assert Aspect.PARAMETERS in found["Basket.__init__"].aspects
    assert Aspect.BODY not in found["Basket"].aspects


def test_another_exception_is_a_change_of_contract() -> None:
    found = writes("shop/prices.py", "ValueError", "OverflowError")
    assert found["Basket.add"].detail == "now raises OverflowError; no longer raises ValueError"


def test_a_function_with_the_same_body_under_another_name_is_renamed() -> None:
    found = writes("shop/prices.py", "def net(", "def without_tax(")
    assert (found["net"].edit, found["net"].successor) == (
        Edit.RENAMED,
        SymbolKey("shop/prices.py", "without_tax"),
    )


def test_a_class_is_renamed_with_its_members() -> None:
    found = writes("shop/prices.py", "class Basket:", "class Cart:")
    assert found["Basket.add"].successor == SymbolKey("shop/prices.py", "Cart.add")


def test_a_function_replaced_by_a_different_one_is_deleted() -> None:
    found = writes(
        "shop/prices.py",
        "def tax(gross):\n    return gross - net(gross)",
        "def now():\n    import time\n    return time.time()",
    )
    assert (found["tax"].edit, found["now"].edit) == (Edit.DELETED, Edit.ADDED)


def test_a_function_that_moves_to_another_file_and_stays_importable_is_reachable() -> None:
    text = BASE["shop/prices.py"].decode()
    moved = "def tax(gross):\n    return gross - net(gross)\n"
    edits = {
        "shop/prices.py": text.replace(moved, "from shop.taxes import tax\n").encode(),
        "shop/taxes.py": b"from shop.prices import net\n\n\n" + moved.encode(),
    }
    found = {w.key: w for w in footprint_of("change", BASE, edits, index_of(BASE)).writes}
    write = found[SymbolKey("shop/prices.py", "tax")]
    assert (write.edit, write.reachable) == (Edit.RENAMED, True)


def test_a_removed_import_is_a_deleted_binding() -> None:
    found = writes("shop/checkout.py", "import Basket, tax", "import Basket")
    assert (found["tax"].edit, found["tax"].imports) == (Edit.DELETED, True)


def test_following_ones_own_rename_keeps_the_behaviour() -> None:
    text = BASE["shop/prices.py"].decode().replace("net(", "without_tax(")
    found = {
        w.key.qualname: w for w in footprint_of("c", BASE, {"shop/prices.py": text.encode()}, index_of(BASE)).writes
    }
    assert found["tax"].aspects == frozenset()


def test_a_file_that_no_longer_parses_deletes_nothing() -> None:
    text = BASE["shop/prices.py"].replace(b"def tax(gross):", b"def tax(gross:")
    found = footprint_of("change", BASE, {"shop/prices.py": text}, index_of(BASE))
    assert [write for write in found.writes if write.edit is Edit.DELETED] == []
    assert found.files[0].unknown


def reads(path: str, old: str, new: str) -> dict[str, Read]:
    return {read.target.qualname: read for read in footprint(path, old, new).reads if not read.absent}


def test_a_new_call_is_a_new_read_and_the_old_ones_beside_it_are_old() -> None:
    found = reads("shop/checkout.py", "tax(basket.total())", "tax(basket.total()) + basket.limit")
    assert {name: read.is_new for name, read in found.items() if "." in name} == {
        "Basket.total": False,
        "Basket.limit": True,
    }


def test_only_changed_code_reads() -> None:
    assert reads("shop/prices.py", "RATE = ", "RATES = {}\nRATE = ") == {}


def test_reads_are_in_base_coordinates_of_renamed_symbols() -> None:
    text = BASE["shop/prices.py"].decode().replace("def net(", "def bare(").replace("- net(gross)", "- bare(gross) - 0")
    found = footprint_of("c", BASE, {"shop/prices.py": text.encode()}, index_of(BASE))
    assert SymbolKey("shop/prices.py", "net") in {read.target for read in found.reads}
