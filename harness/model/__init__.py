"""A batch -> loss and gradients: the Wide & Deep model, its initial weights, TensorFlow's feature columns."""
