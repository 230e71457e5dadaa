"""hybridplace: where, when and on what every AI job runs, at the lowest proven cost."""
