"""The APIs, each a module with a `router`."""
