"""The models: a folder a task with its Protocol, one file a model with its card."""
