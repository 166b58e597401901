"""MaNGA."""
