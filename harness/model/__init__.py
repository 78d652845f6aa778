"""A batch -> loss and gradients: the Wide & Deep model, its first weights, TensorFlow's feature columns."""
