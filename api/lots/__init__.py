"""Lots: where each lies, and every place, sale and transfer that it went through."""
