"""What goes over the wire: the models of every message, and the JSON Schema made from them."""

import os

# Plugins of other packages have no business in a trusted process, and looking for them reads every package's metadata.
os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
