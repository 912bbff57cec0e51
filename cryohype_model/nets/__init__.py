"""The networks: INR, encoders, hypernetwork and concat conditioning, and the translator from configuration."""
