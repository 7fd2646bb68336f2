"""The orders service: stock, payment and shipping of what customers order."""
