"""The models of this part."""
