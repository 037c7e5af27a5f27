"""What goes over the wire: the models of every message, and the JSON Schema made from them."""
