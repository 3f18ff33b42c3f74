"""Texts that people type, as the database can hold them."""

from migrator.inventory.services import Invalid


def kept(text: str) -> str:
    """Without the blanks around it, and without NUL, which PostgreSQL refuses."""
    return text.replace("\0", "").strip()


def line(field: str, text: str, *, most: int) -> str:
    """A text of 1 to `most` characters. Raises Invalid naming the field."""
    told = kept(text)
    if not 0 < len(told) <= most:
        raise Invalid(field, f"{field} is a text of at most {most} characters.")
    return told
