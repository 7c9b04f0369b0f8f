"""How each engine's connections are made, and what its driver's errors mean."""
