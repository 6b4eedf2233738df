"""The control plane: who the customers are. It touches the shared database alone."""
