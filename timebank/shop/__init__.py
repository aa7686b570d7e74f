"""The charity shop: intake, stock, till."""
