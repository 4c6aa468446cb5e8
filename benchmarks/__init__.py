"""How fast the package is, measured against the libraries it stands on."""
