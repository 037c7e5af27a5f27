"""Registered tools: what they are, which are known, and whether arguments fit their schemas."""
