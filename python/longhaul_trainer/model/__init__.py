"""The ranking model: parameters, network, losses, metrics. Importing most of this imports TensorFlow."""
