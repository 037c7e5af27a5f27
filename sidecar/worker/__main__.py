"""Start a zygote: `python -I -S -B __main__.py CONTROL`, CONTROL being the control socket's descriptor.

The package is loaded from its own folder without touching sys.path, so that nothing here can shadow a tool's imports.
"""

import importlib.util
import os
import sys

PACKAGE = "pyrunner_worker"


def _load_package() -> None:
    folder = os.path.dirname(os.path.abspath(__file__))
    spec = importlib.util.spec_from_file_location(
        PACKAGE, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    if spec is None or spec.loader is None:
        raise ImportError("no package in " + folder)
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    # Started with -B, which is right for a tool; this package's own bytecode, beside it, saves half of each start.
    sys.dont_write_bytecode = False
    _load_package()
    zygote = importlib.import_module(PACKAGE + ".zygote")
    sys.dont_write_bytecode = True
    zygote.main(int(sys.argv[1]))
