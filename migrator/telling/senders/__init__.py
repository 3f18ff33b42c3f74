"""How each kind of channel is spoken to: one module each, one function `send`, and no database."""
