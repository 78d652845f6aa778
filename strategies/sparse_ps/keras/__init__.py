"""The parameter server for Keras scripts: strategy, features, optimizer, model, checkpoints."""
