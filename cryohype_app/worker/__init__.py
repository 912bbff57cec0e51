"""The process that holds a trained network and makes volumes on request, and the client that talks to it."""
