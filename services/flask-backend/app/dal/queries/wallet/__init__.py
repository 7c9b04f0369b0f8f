"""The queries of credits, one file per table. Holds no rule about when they come or go."""
