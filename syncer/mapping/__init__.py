"""Translation between a tracker's words and the product model. Pure."""
