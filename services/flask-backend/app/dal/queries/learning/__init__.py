"""The queries of learning, for all five tables alike. Holds no rule about who may call them."""
