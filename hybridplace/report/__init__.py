"""What people and programs are told of plans: values with all figures, and text made of them."""
