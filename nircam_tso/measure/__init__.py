"""The steps of the method, one module each: pure functions over a block of images."""
