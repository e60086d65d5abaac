"""Where a reader of the feed stands, and how far one look reaches; pure."""

from dataclasses import dataclass, replace

from api.feed.errors import EpochChanged
from api.feed.schemas import Order
from api.pagination import decode_cursor, encode_cursor
from api.problems import invalid_field


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far a reader has come: up to `position`, or with `newest` down to it."""

    epoch: str
    order: Order
    position: int

    @classmethod
    def at(cls, cursor: str | None, *, order: Order, epoch: str, head: int) -> "Bookmark":
        """Where the cursor says, or where the order begins."""
        if cursor is None:
            return cls(epoch, order, head + 1 if order == "newest" else 0)
        match decode_cursor(cursor, name="after"), order:
            case (str(cursors_epoch), int(position)), "oldest":
                pass
            case (str(cursors_epoch), int(position), "newest"), "newest":
                head += 1
            case _:
                raise invalid_field("after", "This cursor is not one that this feed gave out")
        if position < 0:
            raise invalid_field("after", "This cursor is not one that this feed gave out")
        if cursors_epoch != epoch or position > head:
            raise EpochChanged()
        return cls(epoch, order, position)

    @property
    def cursor(self) -> str | None:
        """Null where nothing can come any more."""
        if self.order == "oldest":
            return encode_cursor(self.epoch, self.position)
        return encode_cursor(self.epoch, self.position, "newest") if self.position > 1 else None

    def window(self, width: int, *, lowest: int, highest: int) -> "Window":
        """The next positions to look at, `width` of them within the two bounds."""
        if self.order == "oldest":
            first = max(self.position + 1, lowest)
            return Window(first, min(first + width - 1, highest))
        last = min(self.position - 1, highest)
        return Window(max(last - width + 1, lowest), last)

    def moved(self, position: int) -> "Bookmark":
        return replace(self, position=position)


@dataclass(frozen=True, slots=True)
class Window:
    """Positions from `first` to `last`, both included."""

    first: int
    last: int

    @property
    def is_empty(self) -> bool:
        return self.first > self.last
