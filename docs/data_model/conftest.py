"""The page shows these scripts, and tests/docs_pages runs them; they have no examples in docstrings."""

collect_ignore_glob = ["*_*.py"]
