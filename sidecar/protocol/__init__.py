"""What goes over the wire: the models of every message, and the JSON Schema made from them."""

import os
import sys
from types import ModuleType

# Plugins of other packages have no business in a trusted process, and looking for them reads every package's metadata.
os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
# Pydantic imports what looks for them (and with it `email`) whether it may look or not; without it, it finds none.
_LOADER = "pydantic.plugin._loader"
if "pydantic" not in sys.modules:
    _no_loader = ModuleType(_LOADER)
    vars(_no_loader)["get_plugins"] = tuple
    sys.modules[_LOADER] = _no_loader
