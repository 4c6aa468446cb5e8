"""What comes in and what goes out: sources of images, and the product."""
