"""How fast and how well the solver plans: instances, rivals, and the harness that measures both."""
