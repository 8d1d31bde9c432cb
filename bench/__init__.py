"""What one would have instead, measured beside what there is; not part of the product."""
