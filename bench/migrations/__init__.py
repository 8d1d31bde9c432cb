"""The rival's table."""
